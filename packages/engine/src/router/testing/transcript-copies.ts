import { bind, execute, message, parse, query, sync } from '../protocol/build.ts';
import { frontend } from '../protocol/codes.ts';
import { flush, type Session, turn, upTo } from './transcript-turns.ts';

const copyData = (text: string) => message(frontend.copyData, Buffer.from(text));
const copyDone = message(frontend.copyDone, Buffer.alloc(0));
const copyFail = message(frontend.copyFail, Buffer.from('no\0'));

/** COPY in both directions and both protocols, and what goes wrong with it. */
export const copySessions: Session[] = [
  {
    name: 'copy',
    turns: [
      turn(1, query('CREATE TABLE copied (a int, b text)')),
      turn(1, query('COPY copied FROM STDIN'), copyData('1\tone\n'), copyData('2\ttwo\n'), copyDone),
      turn(1, query('COPY copied TO STDOUT')),
      turn(1, query('COPY copied FROM STDIN'), copyData('x\n'), copyDone),
      turn(1, query('COPY copied FROM STDIN'), copyData('3\tthree\n'), copyFail),
      turn(1, query('SELECT count(*) FROM copied')),
    ],
  },
  {
    name: 'copy in the extended protocol',
    turns: [
      turn(1, query('CREATE TABLE copied2 (a int)')),
      // The Sync before the data is swallowed by the COPY.
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        sync,
        copyData('5\n'),
        copyDone,
        sync,
      ),
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        copyData('6\n'),
        copyDone,
        sync,
      ),
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        copyData('x\n'),
        copyDone,
        sync,
      ),
      turn(1, query('SELECT count(*) FROM copied2')),
    ],
  },
  {
    name: 'COPY that goes wrong, and data of no COPY',
    turns: [
      turn(1, query('CREATE TABLE copied3 (a int)')),
      turn(1, copyData('1\n'), copyDone, copyFail, query('SELECT 1')),
      turn(1, query('COPY copied3 FROM STDIN; SELECT 5'), copyData('2\n'), copyDone),
      turn(1, query('COPY (SELECT 1/(3-g) FROM generate_series(1, 5) g) TO STDOUT')),
      turn(1, query('COPY nowhere FROM STDIN'), copyData('1\n'), copyDone),
      upTo(
        'E',
        parse('', 'COPY copied3 FROM STDIN'),
        bind('', '', []),
        execute(''),
        copyData('x\n'),
        copyDone,
        flush,
      ),
      turn(1, copyData('3\n'), copyDone, sync),
      turn(1, query('TABLE copied3')),
    ],
  },
  {
    name: 'the end of a COPY that nobody began, or that has failed, in a transaction',
    turns: [
      turn(1, query('BEGIN')),
      turn(1, copyDone, parse('', 'SELECT 1'), bind('', '', []), copyFail, execute(''), copyDone, sync),
      turn(1, query('CREATE TABLE copied2 (a int)')),
      turn(1, query('SAVEPOINT s')),
      turn(1, query('COPY copied2 FROM STDIN'), copyData('x\n')),
      turn(1, copyDone, query('ROLLBACK TO s')),
      turn(2, query('COPY copied2 FROM STDIN'), copyData('1\n'), copyDone, copyDone, query('COMMIT')),
      turn(1, query('TABLE copied2')),
    ],
  },
  {
    name: 'a statement in the middle of a COPY ends the connection',
    turns: [
      turn(1, query('CREATE TABLE copied4 (a int)')),
      turn(1, query('COPY copied4 FROM STDIN'), copyData('1\n'), query('SELECT 1')),
    ],
  },
];
