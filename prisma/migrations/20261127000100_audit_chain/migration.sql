-- Each entry is hashed together with the hash of the one before it: a changed or missing entry breaks the chain.
ALTER TABLE "audit_entry" ADD COLUMN "hash" TEXT;
