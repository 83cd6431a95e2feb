// drag.mjs URL SHOTS CHECKPOINT : drags Generator from Model into the default text-to-image graph,
// queues, and prints a report as JSON on the last line.
import path from 'node:path';

import { open } from './lib.mjs';

const [base, shots, checkpoint] = process.argv.slice(2);
const seen = { links: [] };
const canvas = await open(base);
const { page } = canvas;
const shot = name => canvas.shot(path.join(shots, `${name}.png`));
const NEW = [
  ['Generator from Model', 'LatentSteer_GeneratorFromModel', [450, 750]],
  ['Prior Init', 'LatentSteer_PriorInit', [860, 750]],
  ['Decode', 'LatentSteer_Decode', [1230, 560]],
  ['Preview Image', 'PreviewImage', [1560, 560]],
];
const LINKS = [
  ['CheckpointLoaderSimple', 'MODEL', 'LatentSteer_GeneratorFromModel', 'model'],
  ['CheckpointLoaderSimple', 'VAE', 'LatentSteer_GeneratorFromModel', 'vae'],
  ['CLIPTextEncode', 'CONDITIONING', 'LatentSteer_GeneratorFromModel', 'positive'],
  ['EmptyLatentImage', 'LATENT', 'LatentSteer_GeneratorFromModel', 'latent'],
  ['LatentSteer_GeneratorFromModel', 'generator', 'LatentSteer_PriorInit', 'generator'],
  ['LatentSteer_GeneratorFromModel', 'generator', 'LatentSteer_Decode', 'generator'],
  ['LatentSteer_PriorInit', 'latents', 'LatentSteer_Decode', 'latents'],
  ['LatentSteer_Decode', 'images', 'PreviewImage', 'images'],
];

// Where two sockets are on the screen.
function sockets(link) {
  return page.evaluate(([from, output, to, input]) => {
    const { canvas, ds } = window.app.canvas;
    const edge = canvas.getBoundingClientRect();
    const first = type => window.app.graph.nodes.find(node => node.type === type);
    const place = (node, isInput, name) => {
      const slots = isInput ? node.inputs : node.outputs;
      const number = slots.findIndex(slot => slot.name === name || (!isInput && slots.length === 1));
      if (number < 0) throw new Error(`${node.type} has ${slots.map(slot => slot.name)}, no ${name}`);
      const [x, y] = node.getConnectionPos(isInput, number);
      return [(x + ds.offset[0]) * ds.scale + edge.left, (y + ds.offset[1]) * ds.scale + edge.top];
    };
    return [place(first(from), false, output), place(first(to), true, input)];
  }, link);
}

async function drag(link) {
  const [start, end] = await sockets(link);
  await page.mouse.move(...start);
  await page.mouse.down();
  await page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, { steps: 3 });
  await page.mouse.move(...end, { steps: 3 });
  await page.mouse.up();
  await page.waitForTimeout(200);
  return page.evaluate(([, , to, input]) => {
    const node = window.app.graph.nodes.find(node => node.type === to);
    return (node.inputs.find(slot => slot.name === input).link ?? null) !== null;
  }, link);
}

try {
  seen.before = (await canvas.nodes()).map(node => node.type);
  if (!seen.before.includes('CheckpointLoaderSimple')) {
    await canvas.close();
    console.log(JSON.stringify(seen));
    process.exit(0);
  }
  await canvas.set('CheckpointLoaderSimple', { ckpt_name: checkpoint });
  await canvas.set('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 });
  await canvas.set('KSampler', { steps: 1, cfg: 1, seed: 5, sampler_name: 'euler' });
  for (const [words] of NEW) {
    await canvas.search(words);
    await canvas.pick(words);
  }
  await page.evaluate(added => {
    for (const [, type, place] of added) {
      window.app.graph.nodes.find(node => node.type === type).pos = place;
    }
    window.app.canvas.setDirty(true, true);
  }, NEW);
  await canvas.fit();
  await canvas.set('LatentSteer_PriorInit', { samples: 1 });
  // A slow machine can miss a drag.
  for (const link of LINKS) seen.links.push(await drag(link) || await drag(link));
  await shot('1-dragged');
  const record = await canvas.done(await canvas.queue(), 240);
  seen.outcome = record.status.status_str;
  seen.messages = record.status.messages.filter(message => /error/.test(message[0]));
  seen.pictures = Object.values(record.outputs).flatMap(output => output.images ?? []).length;
  await page.waitForTimeout(1500);
  await shot('2-done');
  const node = (await canvas.nodes()).find(one => one.type === NEW[0][1]);
  await canvas.look(node, 1);
  await shot('3-near');
} catch (error) {
  seen.failed = String(error.stack ?? error);
  await shot('failed');
}
seen.errors = canvas.errors;
await canvas.close();
console.log(JSON.stringify(seen));
