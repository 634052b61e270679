// The clause report: for every clause of tests/clauses/clauses.txt, the tests that prove it and whether they passed.
//
//   node report.mjs [--json] [--json-file FILE] [--mutants] [--only MUTANT] [--root DIR] [RESULT.xml ...]
//
// RESULT.xml are JUnit files of CTest. A test proves a clause by `// Clause: ID[, ID]` above its TEST, by `# Clause: ID` above its
// add_test, by that line in a script that a CTest runs, or by the id in the test's name (P1_1a for P1.1a). `// Towards: ID` names a
// test that proves a part only: it is listed and leaves the row open. A row is
//   passed  every test that names it ran and passed, in every result file that has it, and a mutant is known that such a test notices
//   failed  one of them failed, was skipped, or did not run at all, or its mutant was not killed
//   open    no test proves the whole of it, or no mutant shows that the test can fail
// --mutants runs the mutants too (mutants/README.md); POSTERN_BUILD names the build, default build/dev. --only runs one and says why it
// ended so.
// Exit status: 1 if a row failed, a mutant was not killed or an annotation names no clause or no test; open rows do not fail.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readAnnotations } from './annotations.mjs';
import { readMutants, runMutant } from './mutants.mjs';

const options = { json: false, jsonFile: null, mutants: false, only: null, results: [],
                  root: join(dirname(fileURLToPath(import.meta.url)), '../..') };
for (const args = process.argv.slice(2); args.length > 0;) {
  const arg = args.shift();
  if (arg === '--json') options.json = true;
  else if (arg === '--json-file') options.jsonFile = args.shift();
  else if (arg === '--mutants') options.mutants = true;
  else if (arg === '--only') options.only = args.shift();
  else if (arg === '--root') options.root = resolve(args.shift());
  else if (arg.startsWith('-')) { console.error(`unknown option ${arg}`); process.exit(2); }
  else options.results.push(arg);
}

// id -> { says, tests, parts: Map name -> status, annotations: [], mutants: [] }
function readClauses(path) {
  const clauses = new Map();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [id, says] = line.split(' | ');
    clauses.set(id, { says, tests: new Map(), parts: new Map(), annotations: [], mutants: [] });
  }
  return clauses;
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
for (const annotation of readAnnotations(options.root)) {
  if (annotation.name === null) complaints.push(`${annotation.where}: no test has this clause comment`);
  for (const id of annotation.ids) {
    if (clauses.has(id)) clauses.get(id).annotations.push(annotation);
    else complaints.push(`${annotation.where}: there is no clause ${id}`);
  }
}

const build = process.env.POSTERN_BUILD ?? join(options.root, 'build/dev');
const statuses = new Map();
for (const path of options.results) readResults(path, statuses);
const passes = (test) => statuses.get(test) === 'passed';

const mutants = readMutants(options.root, complaints);
for (const mutant of mutants) {
  for (const id of mutant.clauses) {
    const clause = clauses.get(id);
    if (!clause) complaints.push(`mutants/${mutant.name}.json: there is no clause ${id}`);
    else if (![...mutant.kills.keys()].some((test) => namedIn(id, test) || clause.annotations.some((a) => a.matches(test)))) {
      complaints.push(`mutants/${mutant.name}.json: no test of clause ${id} is to notice it`);
    } else clause.mutants.push(mutant);
  }
}
if (options.only) {
  const mutant = mutants.find(({ name }) => name === options.only);
  const { verdict, why, output } = mutant ? runMutant(options.root, build, mutant, passes) : { verdict: 'unknown' };
  console.log([`mutant ${options.only}: ${verdict}`, why, output].filter(Boolean).join('\n'));
  process.exit(verdict === 'killed' ? 0 : 1);
}
if (options.mutants) for (const mutant of mutants) Object.assign(mutant, runMutant(options.root, build, mutant, passes));

for (const [id, clause] of clauses) {
  for (const annotation of clause.annotations) {
    const into = annotation.part ? clause.parts : clause.tests;
    const names = [...statuses.keys()].filter(annotation.matches);
    for (const name of names) into.set(name, statuses.get(name));
    if (names.length === 0 && annotation.name !== null) into.set(annotation.name, 'did not run');
  }
  for (const [name, status] of statuses) if (namedIn(id, name)) clause.tests.set(name, status);
  const outcomes = [...clause.tests.values()];
  const lived = options.mutants && clause.mutants.some(({ verdict }) => verdict !== 'killed');
  clause.status = outcomes.some((outcome) => outcome !== 'passed') || lived ? 'failed'
    : outcomes.length === 0 || clause.mutants.length === 0 ? 'open' : 'passed';
}

const toList = (map) => [...map].map(([name, status]) => ({ name, status }));
const rows = [...clauses].map(([id, clause]) => ({
  id, status: clause.status, says: clause.says, tests: toList(clause.tests), parts: toList(clause.parts),
  mutants: clause.mutants.map(({ name, breaks, verdict, why }) => ({ name, breaks, ...(options.mutants ? { verdict, why } : {}) })),
}));
const count = (list, key, value) => list.filter((item) => item[key] === value).length;
const summary = { passed: count(rows, 'status', 'passed'), failed: count(rows, 'status', 'failed'), open: count(rows, 'status', 'open') };
if (options.mutants) {
  summary.mutants = Object.fromEntries(['killed', 'survived', 'broken'].map((verdict) => [verdict, count(mutants, 'verdict', verdict)]));
}

function printRow(row) {
  console.log(`${row.id.padEnd(6)} ${row.status.padEnd(7)} ${row.says}`);
  const print = (what, test) => {
    console.log(`         ${test.status === 'passed' ? ' ' : '!'} ${what}${test.name}${test.status === 'passed' ? '' : `: ${test.status}`}`);
  };
  for (const test of row.tests) print('', test);
  for (const test of row.parts) print('a part: ', test);
  for (const { name, breaks, verdict, why } of row.mutants) {
    console.log(`         ${!verdict || verdict === 'killed' ? ' ' : '!'} mutant ${name}${verdict ? ` ${verdict}` : ''}: ${why ?? breaks}`);
  }
  if (row.tests.length > 0 && row.mutants.length === 0) console.log('           no mutant shows that these tests can fail');
}

const json = JSON.stringify({ summary, clauses: rows, complaints }, null, 2);
if (options.jsonFile) writeFileSync(options.jsonFile, `${json}\n`);
if (options.json) {
  console.log(json);
} else {
  for (const row of rows) printRow(row);
  for (const complaint of complaints) console.log(complaint);
  console.log(`clauses: ${summary.passed} passed, ${summary.failed} failed, ${summary.open} open`);
  if (options.mutants) console.log(`mutants: ${Object.entries(summary.mutants).map(([verdict, n]) => `${n} ${verdict}`).join(', ')}`);
}
const lived = options.mutants ? mutants.length - summary.mutants.killed : 0;
process.exit(summary.failed > 0 || lived > 0 || complaints.length > 0 ? 1 : 0);
