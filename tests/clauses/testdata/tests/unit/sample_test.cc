// Read by the clause report's own test, never compiled.
// Clause: P1.1a, W6a
TEST(Projector, DropsUngranted) {}

// Clause: P1.2a
TEST_P(Purposes, AreKeptApart) {}

// Clause: P1.3a
TEST(Listener, IsSkippedHere) {}

// Towards: P1.1b
TEST(Vocabulary, W2aIsComplete) {}

// Clause: P1.9
