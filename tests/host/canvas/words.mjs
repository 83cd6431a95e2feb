// words.mjs URL PACK SHOTS PHRASES : what a user reads on the canvas, as JSON on the last line:
// search results, visible inputs, texts of runs, help, and another language.
import path from 'node:path';

import { open } from './lib.mjs';

const [base, pack, shots, phrases] = process.argv.slice(2);
const seen = {};
let canvas = await open(base);
const shot = name => canvas.shot(path.join(shots, `${name}.png`));

async function searches() {
  await canvas.clear();
  const { page } = canvas;
  await canvas.search('langevin');
  const box = page.getByPlaceholder('Search Nodes...').or(page.getByPlaceholder('Add a node...'));
  seen.found = {};
  for (const phrase of JSON.parse(phrases)) {
    await box.first().fill('');
    await page.waitForTimeout(250);
    await box.first().pressSequentially(phrase, { delay: 8 });
    await page.waitForTimeout(600);
    seen.found[phrase] = await canvas.found().evaluateAll(rows => rows.map(
      row => row.getAttribute('aria-label') ?? row.querySelector('.truncate').textContent));
    if (phrase === 'clip guidance') await shot('search');
  }
  await page.keyboard.press('Escape');
}

// Every node as the classic canvas shows it, before and after its button.
function inputs() {
  return canvas.page.evaluate(() => {
    const own = Object.keys(LiteGraph.registered_node_types).filter(t => t.startsWith('LatentSteer_'));
    return Object.fromEntries(own.map(type => {
      const node = LiteGraph.createNode(type);
      app.graph.add(node);
      const visible = () => (node.widgets ?? []).filter(w => node.isWidgetVisible(w)).map(w => w.name);
      const button = node.widgets?.find(w => w.name === 'latentsteer_advanced');
      const found = { sockets: node.inputs.filter(i => !i.widget).map(i => i.localized_name ?? i.name) };
      found.outputs = node.outputs.map(o => o.localized_name ?? o.name);
      found.labels = (node.widgets ?? []).map(w => [w.name, w.label ?? w.name]);
      found.title = node.title;
      found.visible = visible();
      found.size = [...node.size];
      button?.callback();
      found.open = visible();
      found.saved = node.serialize().widgets_values?.length ?? 0;
      found.advanced = node.serialize().showAdvanced;
      button?.callback();
      found.again = [...node.size];
      app.graph.remove(node);
      return [type, found];
    }));
  });
}

async function collapses() {
  seen.inputs = await inputs();
  await canvas.clear();
  await canvas.page.evaluate(() => {
    const types = ['LangevinRefine', 'KRRFlowRefine', 'EditImage', 'TextCondition'];
    for (const [place, type] of types.entries()) {
      const node = LiteGraph.createNode(`LatentSteer_${type}`);
      node.pos = [100 + 450 * place, 200];
      app.graph.add(node);
    }
  });
  await canvas.fit();
  await shot('inputs');
}

async function restores() {
  seen.restored = await canvas.page.evaluate(async () => {
    const node = app.graph.nodes.find(n => n.type === 'LatentSteer_LangevinRefine');
    const value = name => node.widgets.find(w => w.name === name);
    value('momentum').value = 0.5;
    value('latentsteer_advanced').callback();
    const saved = app.graph.serialize();
    await app.loadGraphData(saved);
    const again = app.graph.nodes.find(n => n.type === 'LatentSteer_LangevinRefine');
    const { output } = await app.graphToPrompt();
    return {
      momentum: again.widgets.find(w => w.name === 'momentum').value,
      visible: again.widgets.filter(w => again.isWidgetVisible(w)).length,
      inputs: Object.keys(output[again.id].inputs),
    };
  });
}

async function saves() {
  const graph = {
    1: { class_type: 'LatentSteer_LoadGenerator', inputs: { file: 'digits (embedded)' } },
    2: { class_type: 'LatentSteer_PriorInit', inputs: { generator: ['1', 0], samples: 2, seed: 0 } },
    3: { class_type: 'LatentSteer_SaveLatents', inputs: { latents: ['2', 0], name: 'shown' } },
  };
  await canvas.clear();
  await canvas.page.evaluate(graph => app.loadApiJson(graph, 'shown'), graph);
  await canvas.done(await canvas.queue());
  await canvas.page.waitForTimeout(1500);
  await canvas.fit();
}

async function shows() {
  await saves();
  await shot('text');
  seen.text = await canvas.page.evaluate(async () => {
    const node = app.graph.nodes.find(n => n.type === 'LatentSteer_SaveLatents');
    const widget = node.widgets.find(w => w.name === 'latentsteer_result');
    const { output } = await app.graphToPrompt();
    const element = widget?.element ?? widget?.inputEl;
    const box = element?.getBoundingClientRect();
    return {
      value: widget?.value, inputs: Object.keys(output[node.id].inputs), read: element?.readOnly,
      shown: box ? [box.width, box.height] : null, saved: node.serialize().widgets_values,
    };
  });
}

async function helps() {
  await canvas.clear();
  await canvas.page.evaluate(() => {
    const node = LiteGraph.createNode('LatentSteer_KRRFlowRefine');
    node.pos = [700, 300];
    app.graph.add(node);
    app.canvas.selectNode(node);
  });
  await canvas.page.waitForTimeout(600);
  await canvas.page.getByTestId('info-button').first().click();
  const content = canvas.page.locator('.node-help-content').first();
  await content.waitFor();
  await canvas.page.waitForTimeout(1500);
  seen.help = await content.innerText();
  await shot('help');
  // Every node's page, as the frontend fetches it.
  seen.pages = await canvas.page.evaluate(async ([types, pack]) => {
    const read = async type => {
      const answer = await fetch(`/extensions/${pack}/docs/${type}.md`);
      return [type, answer.ok ? await answer.text() : ''];
    };
    return Object.fromEntries(await Promise.all(types.map(read)));
  }, [Object.keys(seen.inputs), pack]);
}

async function translates() {
  const { page } = canvas;
  const set = value => page.evaluate(
    value => app.extensionManager.setting.set('Comfy.Locale', value), value);
  await set('fr');
  try {
    await canvas.close();
    seen.errors = canvas.errors;
    canvas = await open(base);
    await canvas.clear();
    seen.french = await inputs();
    const node = () => {
      const made = LiteGraph.createNode('LatentSteer_LoadGenerator');
      made.pos = [300, 250];
      app.graph.add(made);
    };
    await canvas.page.evaluate(node);
    await canvas.fit();
    await shot('french');
  } finally {
    await fetch(`${base}/settings/Comfy.Locale`, {
      method: 'POST', body: '"en"', headers: { 'Content-Type': 'application/json' } });
  }
}

// Nodes 2.0, where the host has it.
async function modern() {
  const { page } = canvas;
  const set = value => page.evaluate(
    value => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', value), value);
  if (await page.evaluate(() => !document.querySelector('#vue-app').__vue_app__
    .config.globalProperties.$pinia._s.get('setting').settingsById['Comfy.Node.AlwaysShowAdvancedWidgets'])) return;
  await set(true);
  try {
    await page.waitForTimeout(1500);
    await saves();
    await page.waitForTimeout(1500);
    await shot('nodes20');
    const node = page.locator('[data-node-id]').filter({ hasText: 'Save Latents' }).first();
    seen.modern = {
      nodes: await page.locator('[data-node-id]').count(),
      text: await node.locator('textarea').first().inputValue(),
      advanced: await page.getByTestId('advanced-inputs-button').count(),
      buttons: await page.locator('[data-node-id]').getByText('latentsteer_advanced').count(),
      named: await page.locator('[data-node-id]').getByText('generations', { exact: true }).count(),
    };
  } finally {
    await set(false);
  }
}

try {
  for (const part of [searches, collapses, restores, shows, helps, modern, translates]) {
    seen.part = part.name;
    await part();
  }
  seen.part = 'all';
} catch (error) {
  seen.failed = String(error.stack ?? error);
  await shot('failed');
}
seen.errors = [...(seen.errors ?? []), ...canvas.errors];
seen.refused = canvas.refused;
await canvas.close();
console.log(JSON.stringify(seen));
