/** Writes a picture of a page with fewer bytes: with a palette, and without filters, which help photographs alone. */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;

interface Chunk {
  type: string;
  data: Buffer;
}

/** @param png with 8 bits for each of 3 (RGB) or 4 (RGBA) channels, not interlaced, as Chromium writes it */
export function shrinkPng(png: Buffer): Buffer {
  const chunks = readChunks(png);
  const header = chunks.find(({ type }) => type === 'IHDR')!.data;
  const [width, channels] = [header.readUInt32BE(0), header[9] === 6 ? 4 : 3];
  const pixels = unfilter(inflateSync(Buffer.concat(dataOf(chunks))), { rowBytes: width * channels, channels });
  const found = toPalette(pixels, { width, channels });
  const palettized = Buffer.from(header);
  // Color type 3: each byte is an index into the palette.
  palettized[9] = 3;
  const written = [
    { type: 'IHDR', data: palettized },
    { type: 'PLTE', data: found.palette },
    { type: 'IDAT', data: deflateSync(found.rows, { level: 9, memLevel: 9 }) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ];
  return Buffer.concat([png.subarray(0, SIGNATURE_BYTES), ...written.map(writeChunk)]);
}

function readChunks(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

const dataOf = (chunks: readonly Chunk[]) => chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data);

function writeChunk({ type, data }: Chunk): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Takes the filter of each row back (PNG, section 9). */
function unfilter(raw: Buffer, { rowBytes, channels }: { rowBytes: number; channels: number }): Buffer {
  const rows = raw.length / (rowBytes + 1);
  const pixels = Buffer.alloc(rows * rowBytes);
  for (let row = 0; row < rows; row += 1) {
    const filter = raw[row * (rowBytes + 1)]!;
    for (let i = 0; i < rowBytes; i += 1) {
      const at = row * rowBytes + i;
      const left = i < channels ? 0 : pixels[at - channels]!;
      const up = row === 0 ? 0 : pixels[at - rowBytes]!;
      const corner = i < channels || row === 0 ? 0 : pixels[at - rowBytes - channels]!;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      pixels[at] = (raw[row * (rowBytes + 1) + 1 + i]! + predicted) & 255;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** The 256 most frequent colors; each rarer one, as at the edges of letters, becomes the nearest of them. */
function toPalette(pixels: Buffer, { width, channels }: { width: number; channels: number }) {
  const counts = new Map<number, number>();
  const colorAt = (at: number) => pixels.readUIntBE(at, 3);
  for (let at = 0; at < pixels.length; at += channels) counts.set(colorAt(at), (counts.get(colorAt(at)) ?? 0) + 1);
  const colors = [...counts].sort((a, b) => b[1] - a[1]).map(([color]) => color);
  const kept = colors.slice(0, 256);
  const indexes = new Map(colors.map((color, i) => [color, i < 256 ? i : nearest(color, kept)]));
  const palette = Buffer.alloc(kept.length * 3);
  for (const [i, color] of kept.entries()) palette.writeUIntBE(color, i * 3, 3);
  const height = pixels.length / channels / width;
  const rows = Buffer.alloc(height * (width + 1));
  for (let row = 0; row < height; row += 1) {
    for (let x = 0; x < width; x += 1) {
      rows[row * (width + 1) + 1 + x] = indexes.get(colorAt((row * width + x) * channels))!;
    }
  }
  return { palette, rows };
}

function nearest(color: number, kept: readonly number[]): number {
  const distance = (other: number) =>
    [16, 8, 0].reduce((sum, shift) => sum + (((color >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  let best = 0;
  for (const [i, other] of kept.entries()) if (distance(other) < distance(kept[best]!)) best = i;
  return best;
}
