import { X509Certificate } from 'node:crypto';
import { type CertificateFacts, lacksNames, readCertificate } from '@quantadb/engine/security/certificate';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';

export interface Tls {
  ca: string;
  cert: string;
  key: string;
}

export interface CertificateKeeperOptions {
  host: string;
  /** What every part of the daemon shows to others: changed in place by a renewal. */
  tls: Tls;
  certFile: string;
  logger: Logger;
  /** Everything that holds a copy of its own. */
  apply(tls: Tls): Promise<void>;
}

const checkEveryMs = 3_600_000;
/** After a refusal, and while nobody answers. */
const retryMs = 60_000;

/**
 * Keeps the certificate of this host good: once half of its life is over it asks the control plane for another one, for the same
 * key. That leaves months for a control plane that is away. One that an earlier release issued is replaced sooner.
 */
export class CertificateKeeper {
  private readonly options: CertificateKeeperOptions;
  private nextTryMs = 0;
  private isBusy = false;
  /** Once in a process: the control plane may be of that earlier release still. */
  private hasAskedForNames = false;
  private read: { cert: string; untilMs: number } | null = null;

  constructor(options: CertificateKeeperOptions) {
    this.options = options;
  }

  /** Asked for with every report, several times a second. */
  untilMs(): number {
    const { cert } = this.options.tls;
    if (this.read?.cert !== cert) this.read = { cert, untilMs: readCertificate(cert).untilMs };
    return this.read.untilMs;
  }

  /** Called whenever the control plane is there; `ask` carries the request to it. */
  async look(ask: (certificateRequest: string) => Promise<string>, nowMs: number): Promise<void> {
    if (this.isBusy || nowMs < this.nextTryMs) return;
    this.isBusy = true;
    this.nextTryMs = nowMs + checkEveryMs;
    try {
      const { cert } = this.options.tls;
      const isOld = !this.hasAskedForNames && lacksNames(cert);
      if (!isOld && !isRenewalDue(readCertificate(cert), nowMs)) return;
      await this.renew(ask);
      this.hasAskedForNames ||= isOld;
    } catch (error) {
      this.nextTryMs = nowMs + retryMs;
      this.options.logger.warn({ error: messageOf(error) }, 'the certificate of this host was not renewed');
    } finally {
      this.isBusy = false;
    }
  }

  private async renew(ask: (certificateRequest: string) => Promise<string>): Promise<void> {
    const { host, tls, certFile, logger } = this.options;
    // Once in months: the daemon starts without it.
    const { renewalRequest } = await import('@quantadb/engine/security/pki');
    const certificate = await ask(await renewalRequest(host, tls.key));
    refuseForeign({ certificate, tls, host });
    // On disk first: the control plane knows the old one until the new one has been shown to it.
    await writeDurably(certFile, certificate);
    tls.cert = certificate;
    await this.options.apply(tls);
    logger.info({ until: new Date(this.untilMs()).toISOString() }, 'the certificate of this host is renewed');
  }
}

/** Half of its life is over (pure). */
export function isRenewalDue({ fromMs, untilMs }: CertificateFacts, nowMs: number): boolean {
  return nowMs >= fromMs + (untilMs - fromMs) / 2;
}

/** @throws QuantaError PROTOCOL_VIOLATION when it is not for this host and its key, or of another authority */
function refuseForeign({ certificate, tls, host }: { certificate: string; tls: Tls; host: string }): void {
  const fresh = readCertificate(certificate);
  const isOurs = new X509Certificate(certificate).verify(new X509Certificate(tls.ca).publicKey);
  const isThisHosts = fresh.commonName === host && fresh.publicKey === readCertificate(tls.cert).publicKey;
  if (isOurs && isThisHosts) return;
  throw new QuantaError('PROTOCOL_VIOLATION', 'the new certificate is not for this host');
}
