// What PostgreSQL and the router answer to a corpus of sessions, side by side: as they are, byte by byte, and with every
// message cut at every byte. `npm run bench -- transcripts`. Ends with an error when something differs.

import { RouterFixture } from '../packages/engine/dist/router/testing/router-fixture.js';
import { offsetsOf, transcriptOf } from '../packages/engine/dist/router/testing/transcript.js';
import { sessions } from '../packages/engine/dist/router/testing/transcript-corpus.js';

/** Of turns longer than this only the first and the last so many offsets are cut at. */
const wholeMax = 1500;
const edge = 200;

const fixture = await RouterFixture.create();
const differences = [];
let runs = 0;
let answers = 0;
try {
  const { port } = await fixture.router({ poolSize: 3 });
  for (const session of sessions) {
    const before = runs;
    const expected = await transcriptOf(fixture.primary.place.port, session, { kind: 'none' });
    for (const cut of cutsOf(session)) {
      const found = await transcriptOf(port, session, cut);
      runs += 1;
      answers += found.length;
      if (found.join('\n') === expected.join('\n')) continue;
      differences.push({ session: session.name, cut });
    }
    process.stderr.write(
      `${session.name}: ${runs - before} runs, ${differences.length} differences so far\n`,
    );
  }
} finally {
  await fixture.cleanUp();
}
for (const difference of differences.slice(0, 20)) process.stderr.write(`${JSON.stringify(difference)}\n`);
process.stdout.write(
  `${JSON.stringify({ name: 'transcripts', sessions: sessions.length, runs, answers, differences: differences.length })}\n`,
);
if (differences.length > 0) process.exitCode = 1;

function cutsOf(session) {
  const last = offsetsOf(session);
  const all = Array.from({ length: last }, (_, index) => index + 1);
  const offsets = last <= wholeMax ? all : all.filter((at) => at <= edge || at > last - edge);
  const singly = last <= wholeMax ? [{ kind: 'every-byte' }] : [];
  return [{ kind: 'none' }, ...singly, ...offsets.map((offset) => ({ kind: 'at', offset }))];
}
