// node-postgres in the middle of everything when `middle` is printed; it goes on once a line has been read.
import { once } from 'node:events';
import pg from 'pg';

const open = async () => {
  const client = new pg.Client();
  await client.connect();
  return client;
};
const equal = (left, right) => {
  if (left !== right) throw new Error(`${left} is not ${right}`);
};

/** COPY FROM STDIN, as node-postgres hands it to whoever asks: rows may be given at any time until `end`. */
class CopyIn {
  constructor(text) {
    this.text = text;
    this.ready = new Promise((resolve) => {
      this.begun = resolve;
    });
    this.done = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  }
  submit(connection) {
    this.connection = connection;
    connection.query(this.text);
  }
  handleCopyInResponse = () => this.begun();
  handleCommandComplete = () => undefined;
  handleError = (error) => this.reject(error);
  handleReadyForQuery = () => this.resolve();
  row = (text) => this.connection.sendCopyFromChunk(Buffer.from(text));
  end = () => this.connection.endCopyFrom();
}

const [prepared, cursor, copier, listener] = await Promise.all([open(), open(), open(), open()]);
const ask = async (n) => {
  const { rows } = await prepared.query({ name: 'add', text: 'SELECT $1::int + 1 AS n', values: [n] });
  equal(rows[0].n, n + 1);
};
await prepared.query('BEGIN');
await ask(1);
await prepared.query("INSERT INTO middle VALUES ('pg transaction', 1)");
await cursor.query('BEGIN');
await cursor.query('DECLARE many CURSOR FOR SELECT generate_series(1, 1000) AS n');
equal((await cursor.query('FETCH 400 FROM many')).rows.length, 400);
const copy = new CopyIn('COPY middle FROM STDIN');
copier.query(copy);
await copy.ready;
copy.row('pg copy\t1\n');
const heard = [];
listener.on('notification', ({ payload }) => heard.push(payload));
await listener.query('LISTEN pg_middle');

process.stdout.write('middle\n');
await once(process.stdin, 'data');

await ask(2);
await prepared.query('COMMIT');
await ask(3);
const { rows } = await cursor.query('FETCH ALL FROM many');
equal(rows.length, 600);
equal(rows[0].n, 401);
await cursor.query('COMMIT');
copy.row('pg copy\t2\n');
copy.end();
await copy.done;
await prepared.query("NOTIFY pg_middle, 'still there'");
for (let i = 0; i < 100 && heard.length === 0; i += 1)
  await new Promise((resolve) => setTimeout(resolve, 50));
equal(heard.join(), 'still there');
equal((await prepared.query("SELECT count(*)::int AS n FROM middle WHERE who LIKE 'pg %'")).rows[0].n, 3);
await prepared.query("DELETE FROM middle WHERE who LIKE 'pg %'");
await Promise.all([prepared, cursor, copier, listener].map((client) => client.end()));
process.exit(0);
