// drive.mjs URL PACK SHOTS FILE : acts as a user and prints a report as JSON on the last line.
// FILE: a shipped workflow that is no template.
import fs from 'node:fs';
import path from 'node:path';

import { open } from './lib.mjs';

const [base, pack, shots, file] = process.argv.slice(2);
const TEMPLATE = '12 Train a translator';
const REFINER = 'LatentSteer_LangevinRefine';
const seen = {};
const canvas = await open(base);
const { page } = canvas;
const shot = name => canvas.shot(path.join(shots, `${name}.png`));
const at = (nodes, type) => nodes.find(node => node.type === type);

async function finds() {
  await canvas.clear();
  seen.found = await canvas.search('langevin');
  await shot('1-search');
  seen.added = await canvas.pick('Langevin Refine');
  seen.node = (await canvas.nodes())[0];
  await shot('2-node');
}

async function opensTemplate() {
  seen.templates = await canvas.templates(pack);
  await page.waitForTimeout(1500);
  await shot('3-templates');
  await canvas.load(TEMPLATE);
  seen.loaded = await canvas.nodes();
  seen.api = await canvas.api();
  await canvas.fit();
  await shot('4-template');
  await canvas.look(at(seen.loaded, 'MarkdownNote'), 1);
  await shot('4-template-left');
  await canvas.look(at(seen.loaded, REFINER), 0.9);
  await shot('4-template-refiner');
  await canvas.fit();
  seen.dialogs = await page.getByText(/missing node/i).count();
}

async function opensFile() {
  await canvas.clear();
  await canvas.drop(file, path.basename(file));
  seen.opened = await canvas.nodes();
  seen.openedApi = await canvas.api();
  await canvas.fit();
  await shot('4-file');
}

async function runs() {
  await canvas.set('LatentSteer_ClassCondition', { samples_per_class: 8 });
  await canvas.set(REFINER, { steps: 20, preview_every: 1, seed: 7 });
  const prompt = await canvas.queue();
  // The node shows its preview while it runs.
  const shown = type => {
    const node = window.app.graph.nodes.find(node => node.type === type);
    return (node.imgs?.length ?? 0) > 0 || (window.app.nodePreviewImages?.[node.id]?.length ?? 0) > 0;
  };
  await page.waitForFunction(shown, REFINER, { timeout: 240000 });
  seen.live = true;
  await page.waitForTimeout(300);
  await shot('5-preview');
  const record = await canvas.done(prompt, 240);
  seen.outcome = record.status.status_str;
  await page.waitForTimeout(1500);
  await canvas.fit();
  await shot('6-done');
  await canvas.look(at(seen.opened, 'PreviewAny'), 0.9);
  await shot('6-done-figures');
  await canvas.fit();
  seen.after = await canvas.nodes();
  seen.files = Object.values(record.outputs).flatMap(output => output.images ?? []);
}

async function cancels() {
  await canvas.set(REFINER, { steps: 2000, seed: 8 });
  const prompt = await canvas.queue();
  await page.waitForTimeout(2500);
  await canvas.cancel();
  const record = await canvas.done(prompt, 120);
  seen.cancelled = record.status.messages.map(message => message[0]);
  await page.waitForTimeout(500);
  await shot('7-cancelled');
}

async function drops() {
  const saved = seen.files.find(file => file.type === 'output');
  const answer = await fetch(`${base}/view?${new URLSearchParams(saved)}`);
  const picture = path.join(shots, saved.filename);
  fs.writeFileSync(picture, Buffer.from(await answer.arrayBuffer()));
  await canvas.clear();
  await canvas.drop(picture, saved.filename);
  seen.restored = await canvas.nodes();
  seen.restoredApi = await canvas.api();
  await canvas.fit();
  await shot('8-dropped');
}

try {
  for (const part of [finds, opensTemplate, opensFile, runs, cancels, drops]) {
    seen.part = part.name;
    await part();
  }
  seen.part = 'all';
} catch (error) {
  seen.failed = String(error.stack ?? error);
  await shot('failed');
}
seen.errors = canvas.errors;
seen.refused = canvas.refused;
await canvas.close();
console.log(JSON.stringify(seen));
