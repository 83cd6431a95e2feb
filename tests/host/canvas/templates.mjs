// templates.mjs URL PACK SHOTS VUE : opens every template of the pack as the list does, measures it,
// runs those of shipped models by a click, and prints a report as JSON on the last line.
// VUE: 1 for Nodes 2.0.
import path from 'node:path';

import { open, setting } from './lib.mjs';

const [base, pack, shots, vue] = process.argv.slice(2);
const OWN = /My own (CLIP|StyleGAN)/; // these need a user's files
// Set on the canvas before a run: at most these numbers, and these choices. test_server.py runs every
// template with its own. A run of one mode is not served from the other's cache by its seed.
const MOST = {
  ...{ epochs: 1, pairs: 500, results: 2, samples: 2, samples_per_latent: 2, keep: 2, steps: 2 },
  ...{ samples_per_class: 1, views: 1 },
};
const CHOSEN = { quality: 'draft', seed: Number(vue) };
const begun = Date.now();
const seen = { templates: {}, outcomes: {}, pictures: {}, after: {} };
await setting(base, 'Comfy.VueNodes.Enabled', vue === '1');
const canvas = await open(base);
const { page } = canvas;

// What is on the canvas, in its own units and on the screen.
function measured() {
  const { app } = window;
  const { scale } = app.canvas.ds;
  const screen = app.canvas.canvas.getBoundingClientRect();
  const nodes = app.graph.nodes.map(node => {
    const element = document.querySelector(`[data-node-id="${node.id}"]`);
    const box = element?.getBoundingClientRect();
    const text = [...(element?.querySelectorAll('label, span, p, li, textarea') ?? [])]
      .filter(one => one.textContent.trim() && one.getBoundingClientRect().height > 0);
    const known = window.LiteGraph.registered_node_types[node.type];
    const widget = name => node.widgets?.find(one => one.name === name);
    const [words, preview] = [widget('latentsteer_result'), widget('$$canvas-image-preview')];
    return {
      id: node.id, title: node.title, type: node.type, missing: !known || !!node.has_errors,
      pos: [...node.pos], size: [...node.size], least: [...node.computeSize()],
      // Of Nodes 2.0; the rectangle includes the title.
      drawn: box && [(box.left - screen.left) / scale - app.canvas.ds.offset[0],
        (box.top - screen.top) / scale - app.canvas.ds.offset[1],
        box.width / scale, box.height / scale],
      fonts: text.map(one => parseFloat(getComputedStyle(one).fontSize)),
      // Of the classic canvas: where the text of a run ends and where its preview begins.
      both: words && preview ? [words.y + words.computedHeight, preview.y] : null,
    };
  });
  const segments = [...app.graph.links.values(), ...(app.graph.reroutes?.values() ?? [])];
  const context = document.createElement('canvas').getContext('2d');
  context.lineWidth = 2;
  const under = [];
  for (const segment of segments) {
    if (!segment.path) continue;
    const link = segment.origin_id === undefined
      ? app.graph.links.get([...segment.linkIds][0]) : segment;
    for (const node of app.graph.nodes) {
      if ([link.origin_id, link.target_id].includes(node.id)) continue;
      // A wire under a node crosses the edge of the node a little inside.
      const [x, y] = [node.pos[0] + 3, node.pos[1] - 27];
      const [width, height] = [node.size[0] - 6, node.size[1] + 24];
      for (let step = 0; step <= width + height; step += 1.5) {
        const [dx, dy] = step <= width ? [step, 0] : [0, step - width];
        const hit = [[x + dx, y + dy], [x + width - dx, y + height - dy]].some(
          ([px, py]) => context.isPointInStroke(segment.path, px, py));
        if (hit) { under.push(`${link.origin_id} to ${link.target_id} under ${node.title}`); break; }
      }
    }
  }
  const colours = [...app.graph.links.values()].map(link => link.type).filter(
    type => !app.canvas.default_connection_color_byType[type]);
  return {
    nodes, under, scale, paths: segments.filter(one => one.path).length, segments: segments.length,
    font: window.LiteGraph.NODE_TEXT_SIZE, uncoloured: [...new Set(colours)],
    failed: document.body.innerText.split('\n').filter(line => /failed to load/i.test(line)),
    covered: nodes.filter(({ pos, size }) => {
      const corner = document.querySelector('.minimap-main-container, [class*=minimap]')
        ?.getBoundingClientRect();
      const [right, bottom] = [0, 1].map(
        i => (pos[i] + size[i] + app.canvas.ds.offset[i]) * scale + [screen.left, screen.top][i]);
      return corner && right > corner.left + 1 && bottom > corner.top + 1;
    }).map(node => node.title),
    shown: nodes.every(({ pos, size }) => {
      const [left, top] = [0, 1].map(i => (pos[i] + app.canvas.ds.offset[i]) * scale);
      return left > 0 && top > 0 && left + size[0] * scale < screen.width
        && top + size[1] * scale < screen.height;
    }),
  };
}

async function opens(name) {
  const before = canvas.errors.length;
  await page.evaluate(async ([pack, name]) => {
    const place = `/workflow_templates/${pack}/${encodeURIComponent(name)}.json`;
    const graph = await (await window.app.api.fetchApi(place)).json();
    await window.app.loadGraphData(graph, true, true, name, { openSource: 'template' });
  }, [pack, name]);
  await page.waitForTimeout(vue === '1' ? 1500 : 700);
  await canvas.shot(path.join(shots, `${name}.png`));
  const found = await page.evaluate(measured);
  found.dialogs = await page.locator('[role=dialog]').allInnerTexts();
  if (found.dialogs.length) await page.keyboard.press('Escape');
  found.errors = canvas.errors.slice(before);
  seen.templates[name] = found;
}

const FULL = ['LatentSteer_PriorInit', 'LatentSteer_PriorGenerator']; // a bank of good pictures
function lessened([most, chosen, full]) {
  for (const node of window.app.graph.nodes.filter(node => !full.includes(node.type))) {
    for (const widget of node.widgets ?? []) {
      if (widget.name in most && typeof widget.value === 'number') {
        widget.value = Math.min(widget.value, most[widget.name]);
      } else if (widget.name in chosen) {
        widget.value = chosen[widget.name];
      }
    }
  }
}

async function runs(name) {
  await page.evaluate(lessened, [MOST, CHOSEN, FULL]);
  const prompt = await canvas.queue();
  const record = await canvas.done(prompt, 600);
  seen.outcomes[name] = record.status.status_str;
  seen.pictures[name] = Object.values(record.outputs).flatMap(made => made.images ?? []).length;
  await page.waitForTimeout(1500);
  await canvas.shot(path.join(shots, `run ${name}.png`));
  seen.after[name] = await page.evaluate(measured);
}

try {
  const { [pack]: names } = await (await fetch(`${base}/workflow_templates`)).json();
  for (const name of names.sort()) {
    await opens(name);
    if (!OWN.test(name)) await runs(name);
  }
  seen.ran = (Date.now() - begun) / 1000;
} catch (error) {
  seen.failed = String(error.stack ?? error);
  await canvas.shot(path.join(shots, 'failed.png'));
}
seen.errors = canvas.errors;
seen.refused = canvas.refused;
seen.vue = await page.evaluate(() => Boolean(window.LiteGraph.vueNodesMode));
await canvas.close();
await setting(base, 'Comfy.VueNodes.Enabled', false);
console.log(JSON.stringify(seen));
