/** The release of this software, as it appears in reports, frames and logs. */
export const releaseVersion = '0.1.0';
