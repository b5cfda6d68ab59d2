import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { type SocketPlace, withFreshConnection } from './connection.ts';

export interface Application {
  role: string;
  database: string;
  password: string;
}

const iterations = 4096;

/**
 * PostgreSQL's stored form of a password (RFC 5802; the layout of `pg_authid.rolpassword`). Computed here, so that the
 * password itself reaches neither the server nor any log.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  const salted = await promisify(pbkdf2)(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/** Creates the role and the database it owns on a primary, or sets the role's password when both exist. */
export async function createApplication(
  place: SocketPlace,
  application: Application,
  timeoutMs = 30_000,
): Promise<void> {
  const verifier = await scramVerifier(application.password);
  await withFreshConnection(place, { what: 'creating the application role', timeoutMs }, async (client) => {
    // Even a verifier is worth guessing against, so this session leaves it in no log.
    await client.query(
      "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1",
    );
    await client.query('SET pg_stat_statements.track = none; SET pg_stat_statements.track_utility = off');
    const role = client.escapeIdentifier(application.role);
    const known = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [application.role]);
    const verb = known.rowCount === 0 ? 'CREATE' : 'ALTER';
    await client.query(`${verb} ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(verifier)}`);
    const database = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [
      application.database,
    ]);
    if (database.rowCount === 0) {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(application.database)} OWNER ${role}`);
    }
  });
}
