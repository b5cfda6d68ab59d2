/** @type {import('next').NextConfig} */
export default {
  transpilePackages: ['@quantadb/ui'],
  poweredByHeader: false,
  reactStrictMode: true,
  // Types are checked with the rest of the repository (`npm run check`), by one compiler.
  typescript: { ignoreBuildErrors: true },
};
