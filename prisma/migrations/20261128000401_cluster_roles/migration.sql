-- AlterEnum
ALTER TYPE "Role" ADD VALUE 'none' BEFORE 'viewer';

-- CreateTable
CREATE TABLE "person_cluster_role" (
    "user_id" TEXT NOT NULL,
    "cluster_id" UUID NOT NULL,
    "role" "Role" NOT NULL,

    CONSTRAINT "person_cluster_role_pkey" PRIMARY KEY ("user_id","cluster_id")
);

-- CreateTable
CREATE TABLE "token_cluster_role" (
    "token_id" UUID NOT NULL,
    "cluster_id" UUID NOT NULL,
    "role" "Role" NOT NULL,

    CONSTRAINT "token_cluster_role_pkey" PRIMARY KEY ("token_id","cluster_id")
);

-- AddForeignKey
ALTER TABLE "person_cluster_role" ADD CONSTRAINT "person_cluster_role_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "person_cluster_role" ADD CONSTRAINT "person_cluster_role_cluster_id_fkey" FOREIGN KEY ("cluster_id") REFERENCES "cluster"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_cluster_role" ADD CONSTRAINT "token_cluster_role_token_id_fkey" FOREIGN KEY ("token_id") REFERENCES "api_token"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_cluster_role" ADD CONSTRAINT "token_cluster_role_cluster_id_fkey" FOREIGN KEY ("cluster_id") REFERENCES "cluster"("id") ON DELETE CASCADE ON UPDATE CASCADE;
