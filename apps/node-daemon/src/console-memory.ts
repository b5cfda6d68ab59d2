/**
 * How Node.js is to run a console: every second it reads what each host reports, most of which is garbage a moment later. With the
 * usual 16 MB for what is young a thousand hosts fill it several times a second, and what lives then is copied each time, for up
 * to 45 ms in which nobody is answered; with 64 MB that is rare, and costs up to 130 MB more memory.
 */
export const consoleNodeOption = '--max-semi-space-size=64';
