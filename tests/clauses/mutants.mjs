// Mutants: deliberate breakages under which named tests must fail. mutants/README.md tells their form.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const kKeys = ['breaks', 'clauses', 'failpoints', 'edits', 'kills'];

// The text of `file` with every edit made; throws where an edit does not find its place exactly once.
function edited(root, edits) {
  const texts = new Map();
  for (const { file, replace, with: by } of edits) {
    const text = texts.get(file) ?? readFileSync(join(root, file), 'utf8');
    if (text.split(replace).length !== 2) throw new Error(`${file} holds "${replace}" ${text.split(replace).length - 1} times`);
    texts.set(file, text.replace(replace, () => by));
  }
  return texts;
}

// [{ name, breaks, clauses, failpoints, edits, kills: Map test -> regular expression over its output }]; complaints about those
// that are not as they should be go to `complaints`.
export function readMutants(root, complaints) {
  const folder = join(root, 'tests/clauses/mutants');
  if (!existsSync(folder)) return [];
  const mutants = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
    const name = file.replace(/\.json$/, '');
    try {
      const said = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      for (const key of Object.keys(said)) if (!kKeys.includes(key)) throw new Error(`unknown key ${key}`);
      const mutant = { name, breaks: said.breaks, clauses: said.clauses ?? [], failpoints: said.failpoints ?? '', edits: said.edits ?? [],
                       kills: new Map(Object.entries(said.kills ?? {}).map(([test, output]) => [test, new RegExp(output)])) };
      if (!mutant.breaks || mutant.clauses.length === 0 || mutant.kills.size === 0) throw new Error('needs breaks, clauses and kills');
      if ((mutant.failpoints === '') === (mutant.edits.length === 0)) throw new Error('needs either failpoints or edits');
      edited(root, mutant.edits);
      mutants.push(mutant);
    } catch (error) {
      complaints.push(`mutants/${file}: ${error.message}`);
    }
  }
  return mutants;
}

const escape = (text) => text.replace(/[.*+?^$()|[\]\\]/g, '\\$&');

// 'passed', 'failed' or 'broken' (it did not run, or ran out of time), and what it printed.
function runTest(build, test, environment) {
  const ran = spawnSync(process.env.POSTERN_CTEST ?? 'ctest',
    ['--test-dir', build, '-R', `^${escape(test)}$`, '--no-tests=error', '--output-on-failure', '--timeout', '60'],
    { encoding: 'utf8', env: { ...process.env, ...environment }, maxBuffer: 1 << 26 });
  const output = `${ran.stdout}${ran.stderr}`;
  if (ran.status === 0) return { outcome: /Not Run|Skipped/.test(output) ? 'broken' : 'passed', output };
  return { outcome: /\*\*\*Failed|\(Failed\)|Subprocess aborted/.test(output) && !/\*\*\*Timeout/.test(output) ? 'failed' : 'broken', output };
}

// A mutant is killed if every test that it names passes without it, fails with it, and fails for the reason that it gives. Then
// 'killed'; 'survived' if a test passed; 'broken' if one could not run, failed anyway or failed for another reason. `passes` says of a
// test whether it is known to have passed in this build.
export function runMutant(root, build, mutant, passes) {
  const overlay = mkdtempSync(join(tmpdir(), 'postern-mutant-'));
  try {
    for (const [file, text] of edited(root, mutant.edits)) {
      mkdirSync(dirname(join(overlay, file)), { recursive: true });
      writeFileSync(join(overlay, file), text);
    }
    const environment = mutant.failpoints === '' ? { POSTERN_SOURCE_OVERLAY: overlay } : { POSTERN_FAILPOINTS: mutant.failpoints };
    for (const [test, reason] of mutant.kills) {
      if (!passes(test) && runTest(build, test, {}).outcome !== 'passed') return { verdict: 'broken', why: `${test} does not pass without it` };
      const { outcome, output } = runTest(build, test, environment);
      if (outcome === 'passed') return { verdict: 'survived', why: `${test} does not notice` };
      if (outcome === 'broken') return { verdict: 'broken', why: `${test} did not run to its end` };
      if (!reason.test(output)) return { verdict: 'broken', why: `${test} fails for another reason`, output };
    }
    return { verdict: 'killed' };
  } finally {
    rmSync(overlay, { recursive: true, force: true });
  }
}
