import { diffFromEmpty } from './dist/migrate.js';

// `node prisma/diff.mjs <connection string of an empty database>`: the SQL that makes the whole schema. Whoever changes
// schema.prisma compares this with the migrations and writes the next one.
const [connectionString] = process.argv.slice(2);
if (!connectionString) {
  process.stderr.write('usage: node prisma/diff.mjs <connection string>\n');
  process.exit(2);
}
process.stdout.write(await diffFromEmpty(connectionString));
process.exit(0);
