// Draws avatars: a JSON line of DiceBear options in, raw RGB bytes of size x size out, in order.
//   node render_avatars.mjs SIZE < options.jsonl > pixels.rgb
// Needs @dicebear/core, @dicebear/avataaars and @resvg/resvg-js beside it (avatars_data.py).
import { createInterface } from "node:readline";
import { writeSync } from "node:fs";
import { createAvatar } from "@dicebear/core";
import * as avataaars from "@dicebear/avataaars";
import { Resvg } from "@resvg/resvg-js";

const size = Number(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  const svg = createAvatar(avataaars, JSON.parse(line)).toString();
  const rgba = new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().pixels;
  const rgb = Buffer.alloc(size * size * 3);
  for (let i = 0; i < size * size; i++) rgba.copy(rgb, 3 * i, 4 * i, 4 * i + 3);
  for (let done = 0; done < rgb.length; ) done += writeSync(1, rgb, done);
}
