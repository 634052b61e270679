// Read by the clause report's own test, never compiled.
// Clause: P1.1a, W6a
// Mutant: widened policy
TEST(Projector, DropsUngranted) {}

// Clause: P1.2a
TEST_P(Purposes, AreKeptApart) {}

// Clause: P1.3a
TEST(Listener, IsSkippedHere) {}

TEST(Vocabulary, W2aIsComplete) {}
