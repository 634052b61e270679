// Which tests say that they prove which clause: read from comments in the sources of the tests.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

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
const kAddTest = /^\s*(add_test|postern_e2e)\(\s*(?:NAME\s+)?([^\s)]+)([^)]*)/;
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// The CTest name that a line of CMake adds, as a pattern: "${variable}" stands for anything within one part of a name.
function ctestName(added) {
  const name = added[1] === 'postern_e2e' ? `e2e.${added[2]}` : added[2];
  return { name, pattern: new RegExp(`^${name.split(/\$\{\w+\}/).map(escape).join('[^.]*')}$`) };
}

// Script file name -> patterns of the CTest names that run it.
function readScripts(files) {
  const scripts = new Map();
  for (const { path, text } of files) {
    if (basename(path) !== 'CMakeLists.txt') continue;
    for (const line of text.split('\n')) {
      const added = line.match(kAddTest);
      for (const [, script] of added?.[3].matchAll(/([\w-]+\.(?:sh|mjs|js))\b/g) ?? []) {
        scripts.set(script, [...(scripts.get(script) ?? []), ctestName(added).pattern]);
      }
    }
  }
  return scripts;
}

// The annotations of one file: { ids, part, where, name, matches(CTest name) }.
function* annotationsOf(root, path, text, scripts) {
  let pending = [];
  for (const [index, line] of text.split('\n').entries()) {
    const said = line.match(/^\s*(?:\/\/|#) (Clauses?|Towards): (.+?)\s*$/);
    if (said) {
      pending.push({ ids: said[2].split(/\s*,\s*/), part: said[1] === 'Towards', where: `${relative(root, path)}:${index + 1}` });
      continue;
    }
    const test = line.match(kGoogleTest);
    const added = line.match(kAddTest);
    if (!test && !added) continue;
    // Value- and type-parameterised tests wrap the name: Prefix/Suite.Name/Value.
    const { name, pattern } = added ? ctestName(added)
      : { name: `${test[1]}.${test[2]}`, pattern: new RegExp(`(^|/)${escape(test[1])}(/\\d+|/[^.]*)?\\.${escape(test[2])}(/|$)`) };
    for (const annotation of pending) yield { ...annotation, name, matches: (ctest) => pattern.test(ctest) };
    pending = [];
  }
  const patterns = scripts.get(basename(path)) ?? [];
  for (const annotation of pending) {
    const name = patterns.length > 0 ? basename(path) : null;
    yield { ...annotation, name, matches: (ctest) => patterns.some((pattern) => pattern.test(ctest)) };
  }
}

// Every annotation under `root`/tests; `name` is null where no test follows it and no CTest runs the script.
export function readAnnotations(root) {
  const files = [...walk(join(root, 'tests'))].map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const scripts = readScripts(files);
  return files.flatMap(({ path, text }) => [...annotationsOf(root, path, text, scripts)]);
}
