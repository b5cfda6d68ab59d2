// One way to read a moment, for the command line and for pages.
export { momentText, readMoment } from '@quantadb/engine/shared/zoned-time';
