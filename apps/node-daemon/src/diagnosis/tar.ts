/** One file of an archive. */
export interface TarFile {
  path: string;
  content: Buffer;
}

const blockBytes = 512;
const nameBytesMax = 100;
const fileMode = '0000600\0';
const nobody = '0000000\0';

/**
 * An archive as POSIX.1-1988 describes it (pure; ustar, regular files alone), readable by every tar.
 *
 * @throws RangeError for a path of more than a hundred bytes, or one that leads out of the archive
 */
export function tarOf(files: readonly TarFile[], modifiedAtMs: number): Buffer {
  const blocks = files.flatMap((file) => [
    headerOf(file, modifiedAtMs),
    file.content,
    Buffer.alloc((blockBytes - (file.content.length % blockBytes)) % blockBytes),
  ]);
  // Two empty blocks end an archive.
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function headerOf({ path, content }: TarFile, modifiedAtMs: number): Buffer {
  if (Buffer.byteLength(path) > nameBytesMax || path.startsWith('/') || path.split('/').includes('..'))
    throw new RangeError(`${path} cannot be named in the archive`);
  const header = Buffer.alloc(blockBytes);
  header.write(path, 0);
  header.write(fileMode, 100);
  header.write(nobody, 108);
  header.write(nobody, 116);
  header.write(octal(content.length), 124);
  header.write(octal(Math.floor(modifiedAtMs / 1000)), 136);
  // The sum is taken as if its own field were blank.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function octal(value: number): string {
  return `${value.toString(8).padStart(11, '0')}\0`;
}
