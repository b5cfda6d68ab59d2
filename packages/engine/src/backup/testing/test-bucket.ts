import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Repository, type RepositorySecrets, repositorySecretsSchema } from '../../contract/backup.ts';
import { createAuthority, issueHostCertificate } from '../../security/pki.ts';
import { S3Server } from './s3-server.ts';

type Bucket = Extract<Repository, { type: 's3' }>;

/** A bucket on this machine, and what it takes to use it; whoever asks for it stops the store. */
export async function testBucket({
  directory,
}: {
  directory: string;
}): Promise<{ repository: Bucket; secrets: RepositorySecrets; store: S3Server }> {
  const authority = await createAuthority({ name: 'object store' });
  const certificate = await issueHostCertificate(authority, { host: 'store', addresses: ['127.0.0.1'] });
  const caFile = join(directory, 'store-ca.crt');
  await writeFile(caFile, authority.certPem);
  await chmod(caFile, 0o644);
  const access = { key: 'AKIATEST', keySecret: 'a secret of the test' };
  const store = await S3Server.start({ bucket: 'backups', region: 'eu-test-1', ...access, ...certificate });
  return {
    store,
    secrets: repositorySecretsSchema.parse({ s3Key: access.key, s3KeySecret: access.keySecret }),
    repository: {
      ...{ type: 's3', path: '/quantadb', bucket: 'backups', region: 'eu-test-1', uriStyle: 'path' },
      ...{ endpoint: `127.0.0.1:${store.port}`, caFile, verifyTls: true, encrypted: false },
    },
  };
}
