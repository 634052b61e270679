// The clause report: for every clause of tests/clauses/clauses.txt, the tests that prove it and whether they passed.
//
//   node report.mjs [--json] [--mutants] [--root DIR] [RESULT.xml ...]
//
// RESULT.xml are JUnit files of CTest. A test proves a clause by `// Clause: ID[, ID]` above its TEST, by `# Clause: ID` above its
// add_test, by that line in a script whose name is the last part of the CTest name, or by the id in the test's name (P1_1a for P1.1a).
// A row is
//   passed  every test that names it ran and passed, in every result file that has it
//   failed  one of them failed, was skipped, or did not run at all
//   open    no test names it
// `// Mutant: name` beside a clause comment records how the test is known to be able to fail; tests/clauses/mutants/ID.sh shows it:
// with POSTERN_MUTANT=off it must exit 0 (the proof holds), with POSTERN_MUTANT=on it must not (the proof notices). --mutants runs them.
// Exit status: 1 if a row failed, a mutant survived or an annotation names no clause or no test; open rows do not fail.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const options = { json: false, mutants: false, root: join(dirname(fileURLToPath(import.meta.url)), '../..'), results: [] };
for (const args = process.argv.slice(2); args.length > 0;) {
  const arg = args.shift();
  if (arg === '--json') options.json = true;
  else if (arg === '--mutants') options.mutants = true;
  else if (arg === '--root') options.root = resolve(args.shift());
  else if (arg.startsWith('-')) { console.error(`unknown option ${arg}`); process.exit(2); }
  else options.results.push(arg);
}

// id -> { says, tests: Map name -> status, annotations: [], mutants: [] }
function readClauses(path) {
  const clauses = new Map();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [id, says] = line.split(' | ');
    clauses.set(id, { says, tests: new Map(), annotations: [], mutants: [] });
  }
  return clauses;
}

function* walk(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== 'testdata') yield* walk(path);
    } else if (/\.(cc|h|sh|mjs|js)$|^CMakeLists\.txt$/.test(entry.name)) {
      yield path;
    }
  }
}

const kGoogleTest = /^\s*(?:TYPED_)?TEST(?:_F|_P|_SUITE_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)/;
const kAddTest = /^\s*add_test\(\s*NAME\s+([^\s)]+)/;
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// The annotations of one file: { ids, mutants, where, matches(ctest name) }.
function annotationsOf(path, text) {
  const found = [];
  let pending = null;
  text.split('\n').forEach((line, index) => {
    const where = `${relative(options.root, path)}:${index + 1}`;
    const clause = line.match(/^\s*(?:\/\/|#) Clauses?: (.+?)\s*$/);
    const mutant = line.match(/^\s*(?:\/\/|#) Mutant: (.+?)\s*$/);
    if (clause || mutant) pending ??= { ids: [], mutants: [], where, matches: () => false };
    if (clause) pending.ids.push(...clause[1].split(/\s*,\s*/));
    if (mutant) pending.mutants.push(mutant[1]);
    const test = line.match(kGoogleTest);
    const added = line.match(kAddTest);
    if (pending && (test || added)) {
      // Value- and type-parameterised tests wrap the name: Prefix/Suite.Name/Value.
      const pattern = test ? new RegExp(`(^|/)${escape(test[1])}(/\\d+|/[^.]*)?\\.${escape(test[2])}(/|$)`) : null;
      found.push({ ...pending, name: test ? `${test[1]}.${test[2]}` : added[1],
                   matches: (name) => (pattern ? pattern.test(name) : name === added[1]) });
      pending = null;
    }
  });
  if (pending) {
    const script = basename(path).replace(/\.\w+$/, '');
    const isScript = /\.(sh|mjs|js)$/.test(path);
    found.push({ ...pending, name: isScript ? script : '(no test below)',
                 matches: (name) => isScript && (name === script || name.endsWith(`.${script}`)) });
  }
  return found;
}

const entities = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' };
const unescapeXml = (text) => text.replace(/&(quot|apos|lt|gt|amp);/g, (_, name) => entities[name]);

// Adds name -> 'passed' | 'failed' of one JUnit file; a name that failed anywhere stays failed.
function readResults(path, statuses) {
  for (const [, attributes] of readFileSync(path, 'utf8').matchAll(/<testcase ([^>]*)>/g)) {
    const name = unescapeXml(attributes.match(/name="([^"]*)"/)[1]);
    const passed = /status="run"/.test(attributes);
    if (!passed || !statuses.has(name)) statuses.set(name, passed ? 'passed' : 'failed');
  }
}

const namedIn = (id, name) => new RegExp(`(^|[_./]|[a-z])${id.replace('.', '_')}($|[_/]|[A-Z])`).test(name);

const clauses = readClauses(join(options.root, 'tests/clauses/clauses.txt'));
const complaints = [];
for (const path of walk(join(options.root, 'tests'))) {
  for (const annotation of annotationsOf(path, readFileSync(path, 'utf8'))) {
    if (annotation.name === '(no test below)') complaints.push(`${annotation.where}: no test below this clause comment`);
    for (const id of annotation.ids) {
      if (clauses.has(id)) {
        clauses.get(id).annotations.push(annotation);
        clauses.get(id).mutants.push(...annotation.mutants);
      } else {
        complaints.push(`${annotation.where}: there is no clause ${id}`);
      }
    }
  }
}

const statuses = new Map();
for (const path of options.results) readResults(path, statuses);
for (const [id, clause] of clauses) {
  for (const annotation of clause.annotations) {
    const names = [...statuses.keys()].filter(annotation.matches);
    for (const name of names) clause.tests.set(name, statuses.get(name));
    if (names.length === 0) clause.tests.set(annotation.name, 'did not run');
  }
  for (const [name, status] of statuses) if (namedIn(id, name)) clause.tests.set(name, status);
  const outcomes = [...clause.tests.values()];
  clause.status = outcomes.length === 0 ? 'open' : outcomes.every((outcome) => outcome === 'passed') ? 'passed' : 'failed';
}

// A mutant is killed if its script holds without it and fails with it; a script that cannot run at all proves nothing.
function runMutant(id) {
  const script = join(options.root, 'tests/clauses/mutants', `${id}.sh`);
  if (!existsSync(script)) return 'open';
  const run = (mutant) => spawnSync(script, [], { cwd: options.root, env: { ...process.env, POSTERN_MUTANT: mutant }, stdio: 'ignore' });
  if (run('off').status !== 0) return 'broken';
  const mutated = run('on');
  return mutated.status === 0 ? 'survived' : mutated.status === null || mutated.status > 125 ? 'broken' : 'killed';
}
if (options.mutants) for (const [id, clause] of clauses) clause.mutant = runMutant(id);

const rows = [...clauses].map(([id, clause]) => ({
  id, status: clause.status, says: clause.says,
  tests: [...clause.tests].map(([name, status]) => ({ name, status })),
  mutants: [...new Set(clause.mutants)], ...(options.mutants ? { mutant: clause.mutant } : {}),
}));
const count = (key, value) => rows.filter((row) => row[key] === value).length;
const summary = { passed: count('status', 'passed'), failed: count('status', 'failed'), open: count('status', 'open') };
if (options.mutants) {
  summary.mutants = Object.fromEntries(['killed', 'survived', 'broken', 'open'].map((state) => [state, count('mutant', state)]));
}

if (options.json) {
  console.log(JSON.stringify({ summary, clauses: rows, complaints }, null, 2));
} else {
  for (const row of rows) {
    const mutant = options.mutants ? `  mutant ${row.mutant}` : '';
    console.log(`${row.id.padEnd(6)} ${row.status.padEnd(7)}${mutant}  ${row.says}`);
    for (const test of row.tests) console.log(`         ${test.status === 'passed' ? ' ' : '!'} ${test.name}${test.status === 'passed' ? '' : `: ${test.status}`}`);
    if (row.mutants.length > 0) console.log(`           mutants named: ${row.mutants.join('; ')}`);
  }
  for (const complaint of complaints) console.log(complaint);
  console.log(`clauses: ${summary.passed} passed, ${summary.failed} failed, ${summary.open} open`);
  if (options.mutants) console.log(`mutants: ${Object.entries(summary.mutants).map(([state, n]) => `${n} ${state}`).join(', ')}`);
}
const survived = options.mutants ? summary.mutants.survived + summary.mutants.broken : 0;
process.exit(summary.failed > 0 || survived > 0 || complaints.length > 0 ? 1 : 0);
