-- The certificate that a host was given last, until it has shown it.
ALTER TABLE "host" ADD COLUMN "next_fingerprint" TEXT;
ALTER TABLE "host" ADD COLUMN "next_expires_at" TIMESTAMPTZ(3);
