-- AlterTable
ALTER TABLE "audit_entry" ADD COLUMN     "seal" TEXT;
