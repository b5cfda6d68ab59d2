-- CreateTable
CREATE TABLE "sign_in_tries" (
    "key" TEXT NOT NULL,
    "free_at" TIMESTAMPTZ(3) NOT NULL,
    "account" TEXT,
    "told_at" TIMESTAMPTZ(3),

    CONSTRAINT "sign_in_tries_pkey" PRIMARY KEY ("key")
);
