-- AlterTable
ALTER TABLE "cluster" ADD COLUMN     "is_protected" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "audit_entry" ADD COLUMN     "cluster_id" UUID;

-- CreateIndex
CREATE INDEX "audit_entry_cluster_id_id_idx" ON "audit_entry"("cluster_id", "id");
