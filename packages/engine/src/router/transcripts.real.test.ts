import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RouterFixture } from './testing/router-fixture.ts';
import { offsetsOf, transcriptOf } from './testing/transcript.ts';
import { type Session, sessions } from './testing/transcript-corpus.ts';

let fixture: RouterFixture;
let routerPort = 0;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  routerPort = (await fixture.router({ poolSize: 3 })).port;
});
afterAll(() => fixture?.cleanUp());

const direct = (session: Session) => transcriptOf(fixture.primary.place.port, session, { kind: 'none' });

describe('transcripts through the router', () => {
  for (const session of sessions) {
    it(`are those of PostgreSQL itself: ${session.name}`, async () => {
      const expected = await direct(session);
      expect(await transcriptOf(routerPort, session, { kind: 'none' })).toEqual(expected);
    });
  }

  // The benchmark `transcripts` cuts all of them at every byte.
  it('are the same wherever a message is cut', async () => {
    for (const session of sessions.filter(({ name }) => /^(extended$|simple|copy$|the same)/.test(name))) {
      const expected = await direct(session);
      for (let offset = 1; offset <= offsetsOf(session); offset += 3) {
        const cut = await transcriptOf(routerPort, session, { kind: 'at', offset });
        expect(cut, `${session.name} cut at ${offset}`).toEqual(expected);
      }
    }
  });

  it('are the same when every byte comes alone', async () => {
    for (const session of sessions.filter((each) => offsetsOf(each) < 2000)) {
      const expected = await direct(session);
      expect(await transcriptOf(routerPort, session, { kind: 'every-byte' }), session.name).toEqual(expected);
    }
  });
});
