// drag.mjs URL SHOTS : drags Generator from Model into the host's default text-to-image graph,
// queues, and prints a report as JSON on the last line.
import path from 'node:path';

import { open } from './lib.mjs';

const [base, shots] = process.argv.slice(2);
const seen = { links: [] };
const canvas = await open(base);
const { page } = canvas;
const shot = name => canvas.shot(path.join(shots, `${name}.png`));
// Words, type, and place under the default graph.
const NEW = [
  ['Generator from Model', 'LatentSteer_GeneratorFromModel', [0, 80]],
  ['Prior Init', 'LatentSteer_PriorInit', [410, 80]],
  ['Decode', 'LatentSteer_Decode', [780, 80]],
  ['Preview Image', 'PreviewImage', [1110, 80]],
];
const TALL = 480; // of them all
// An output by its node and name, or by the input of the default graph that it feeds.
const LINKS = [
  [{ feeds: ['KSampler', 'model'] }, ['LatentSteer_GeneratorFromModel', 'model']],
  [{ feeds: ['VAEDecode', 'vae'] }, ['LatentSteer_GeneratorFromModel', 'vae']],
  [{ feeds: ['KSampler', 'positive'] }, ['LatentSteer_GeneratorFromModel', 'positive']],
  [{ feeds: ['KSampler', 'latent_image'] }, ['LatentSteer_GeneratorFromModel', 'latent']],
  [{ of: ['LatentSteer_GeneratorFromModel', 'generator'] }, ['LatentSteer_PriorInit', 'generator']],
  [{ of: ['LatentSteer_GeneratorFromModel', 'generator'] }, ['LatentSteer_Decode', 'generator']],
  [{ of: ['LatentSteer_PriorInit', 'latents'] }, ['LatentSteer_Decode', 'latents']],
  [{ of: ['LatentSteer_Decode', 'images'] }, ['PreviewImage', 'images']],
];

// Where two sockets are on the screen.
function sockets(link) {
  return page.evaluate(([output, input]) => {
    const { canvas, ds, graph } = window.app.canvas;
    const edge = canvas.getBoundingClientRect();
    const first = type => graph.nodes.find(node => node.type === type);
    const slot = (slots, name) => {
      const number = slots.findIndex(slot => slot.name === name);
      if (number < 0) throw new Error(`there are ${slots.map(slot => slot.name)}, no ${name}`);
      return number;
    };
    const origin = ([type, name]) => {
      const node = first(type);
      const link = node.getInputLink(slot(node.inputs, name));
      return [graph.getNodeById(link.origin_id), link.origin_slot];
    };
    const named = ([type, name]) => {
      const { outputs } = first(type);
      return [first(type), outputs.length === 1 ? 0 : slot(outputs, name)];
    };
    const place = (node, isInput, number) => {
      const [x, y] = node.getConnectionPos(isInput, number);
      return [(x + ds.offset[0]) * ds.scale + edge.left, (y + ds.offset[1]) * ds.scale + edge.top];
    };
    const [from, number] = output.feeds ? origin(output.feeds) : named(output.of);
    const to = first(input[0]);
    const ends = [place(from, false, number), place(to, true, slot(to.inputs, input[1]))];
    return { ends, from: from.type };
  }, link);
}

async function drag(link) {
  const { ends: [start, end], from } = await sockets(link);
  await page.mouse.move(...start);
  await page.mouse.down();
  await page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, { steps: 3 });
  await page.mouse.move(...end, { steps: 3 });
  await page.mouse.up();
  await page.waitForTimeout(200);
  // The type of the node that the input is linked to; null where it is not the one meant.
  return page.evaluate(([[, [to, input]], from]) => {
    const node = window.app.graph.nodes.find(node => node.type === to);
    const link = node.getInputLink(node.inputs.findIndex(slot => slot.name === input));
    const origin = link && window.app.graph.getNodeById(link.origin_id).type;
    return origin === from ? origin : null;
  }, [link, from]);
}

try {
  seen.before = (await canvas.nodes()).map(node => node.type);
  for (const empty of ['EmptyLatentImage', 'EmptySD3LatentImage']) {
    await canvas.set(empty, { width: 64, height: 64, batch_size: 1 });
  }
  await canvas.set('KSampler', { steps: 1, cfg: 1, seed: 5 });
  const [left, top, right, bottom] = await page.evaluate(() => {
    const { nodes } = window.app.graph;
    const far = node => node.pos.map((start, axis) => start + node.size[axis]);
    const least = axis => Math.min(...nodes.map(node => node.pos[axis]));
    const most = axis => Math.max(...nodes.map(node => far(node)[axis]));
    return [least(0), least(1), most(0), most(1)];
  });
  for (const [words] of NEW) {
    await canvas.search(words);
    await canvas.pick(words);
  }
  await page.evaluate(([added, left, bottom]) => {
    for (const [, type, [x, y]] of added) {
      window.app.graph.nodes.find(node => node.type === type).pos = [left + x, bottom + y];
    }
    window.app.canvas.setDirty(true, true);
  }, [NEW, left, bottom]);
  // The whole graph; Fit View would show what is selected.
  const scale = Math.min(1350 / (right - left), 700 / (bottom - top + 80 + TALL));
  await canvas.look({ pos: [left, top] }, scale);
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
