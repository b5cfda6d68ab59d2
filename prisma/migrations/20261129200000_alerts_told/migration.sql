-- AlterTable
ALTER TABLE "installation" ADD COLUMN     "alerts_judged_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "alert_delivery" ADD COLUMN     "severity" TEXT NOT NULL DEFAULT '';

-- DropIndex
DROP INDEX "alert_delivery_alert_id_channel_id_kind_key";

-- CreateIndex
CREATE UNIQUE INDEX "alert_delivery_alert_id_channel_id_kind_severity_key" ON "alert_delivery"("alert_id", "channel_id", "kind", "severity");
