// Helpers for both frontends: 1.27 (ComfyUI 0.3.64) and 1.49 (0.33.0).
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const { chromium } = createRequire(`${process.env.CANVAS_MODULES}/`)('playwright-core');
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update', '--disable-default-apps',
  '--disable-extensions', '--disable-dev-shm-usage',
];
const TEMPLATES = '[data-testid="template-workflows-content"]';

export async function open(base) {
  await setting(base, 'Comfy.TutorialCompleted', true); // otherwise the templates open
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM, headless: true, args: FLAGS,
    viewport: { width: 1600, height: 900 },
  });
  const local = url => ['127.0.0.1', 'localhost'].includes(url.hostname);
  const outside = url => /^https?:$/.test(url.protocol) && !local(url);
  await context.route(outside, route => route.abort());
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(120000); // a loaded machine takes a minute for what takes a second
  const canvas = new Canvas(base, context, page, profile);
  page.on('pageerror', error => canvas.errors.push(`pageerror: ${error.stack ?? error}`));
  page.on('console', said => {
    if (said.type() !== 'error' || /Failed to load resource/.test(said.text())) return;
    canvas.errors.push(`console: ${said.text()} (${said.location().url})`);
  });
  page.on('response', answer => {
    if (answer.status() >= 400) canvas.refused.push(`${answer.status()} ${answer.url()}`);
  });
  page.on('dialog', dialog => dialog.accept());
  await page.goto(base, { waitUntil: 'domcontentloaded', timeout: 120000 });
  // The default graph loads late and would replace a graph that a test loaded before.
  const loaded = () => (window.app?.graph?.nodes?.length ?? 0) > 0;
  await page.waitForFunction(loaded, null, { timeout: 120000 });
  await page.waitForTimeout(1000);
  return canvas;
}

export async function setting(base, name, value) {
  const headers = { 'Content-Type': 'application/json' };
  await fetch(`${base}/settings/${name}`, { method: 'POST', body: JSON.stringify(value), headers });
}

class Canvas {
  constructor(base, context, page, profile) {
    Object.assign(this, { base, context, page, profile, errors: [], refused: [] });
  }

  async close() {
    await this.context.close();
    fs.rmSync(this.profile, { recursive: true, force: true });
  }

  shot(file) { return this.page.screenshot({ path: file }); }

  clear() { return this.page.evaluate(() => window.app.graph.clear()); }

  command(id) {
    return this.page.evaluate(id => window.app.extensionManager.command.execute(id), id);
  }

  async fit() {
    await this.command('Comfy.Canvas.FitView');
    await this.page.waitForTimeout(900);
  }

  // Moves a node near the top left at a given scale.
  async look(node, scale) {
    await this.page.evaluate(([[x, y], scale]) => {
      const { ds } = window.app.canvas;
      ds.scale = scale;
      ds.offset = [-x + 120 / scale, -y + 150 / scale];
      window.app.canvas.setDirty(true, true);
    }, [node.pos, scale]);
    await this.page.waitForTimeout(700);
  }

  nodes() {
    return this.page.evaluate(() => window.app.graph.nodes.map(node => ({
      id: node.id, type: node.type, title: node.title, pos: [...node.pos], size: [...node.size],
      least: [...node.computeSize()], missing: !!node.has_errors,
      values: Object.fromEntries((node.widgets ?? []).map(w => [w.name, w.value])),
      pictures: node.imgs?.length ?? 0,
    })));
  }

  set(type, values) {
    return this.page.evaluate(([type, values]) => {
      for (const node of window.app.graph.nodes.filter(node => node.type === type)) {
        for (const widget of node.widgets ?? []) {
          if (widget.name in values) widget.value = values[widget.name];
        }
      }
    }, [type, values]);
  }

  // The graph in API format, exported by the frontend.
  api() { return this.page.evaluate(async () => (await window.app.graphToPrompt()).output); }

  // Opens the dialog and selects LatentSteer's list on its left.
  async templates(pack) {
    const { page } = this;
    await page.getByRole('button', { name: 'Templates', exact: true }).first().click();
    await page.waitForSelector(`${TEMPLATES} [data-testid^="template-workflow-"]`);
    const old = page.locator(`${TEMPLATES} li[role=option][aria-label="${pack}"]`);
    const entry = page.locator('nav [role=button]')
      .filter({ has: page.getByText(pack, { exact: true }) });
    await old.or(entry).first().click();
    await page.waitForTimeout(1500);
    const cards = page.locator(`${TEMPLATES} [data-testid^="template-workflow-"]`);
    // Long lists load more entries when their end is scrolled into view.
    for (let count = -1; count !== await cards.count();) {
      count = await cards.count();
      await cards.last().scrollIntoViewIfNeeded();
      await page.waitForTimeout(1500);
    }
    return cards.evaluateAll(all => all.map(card => card.dataset.testid.slice(18)));
  }

  async load(name) {
    await this.page.locator(`[data-testid="template-workflow-${name}"]`).click();
    await this.page.waitForSelector(TEMPLATES, { state: 'detached' });
    await this.page.waitForTimeout(1000);
  }

  // Searches after a double click on an empty place; returns the display names found.
  async search(text) {
    const { page } = this;
    await page.mouse.dblclick(...await this.emptyPlace());
    const box = page.getByPlaceholder('Search Nodes...').or(page.getByPlaceholder('Add a node...'));
    await box.first().waitFor();
    await box.first().pressSequentially(text, { delay: 15 });
    await page.waitForTimeout(900);
    return this.found().evaluateAll(rows => rows.map(
      row => row.getAttribute('aria-label') ?? row.querySelector('.truncate').textContent));
  }

  found() {
    const { page } = this;
    return page.locator('.p-autocomplete-overlay li[role=option]')
      .or(page.locator('[data-testid=result-item]'));
  }

  async pick(text) {
    const before = (await this.nodes()).length;
    await this.found().filter({ hasText: text }).first().click();
    await this.page.waitForTimeout(500);
    // The newer frontend attaches the node to the cursor until a click.
    await this.page.mouse.click(...await this.emptyPlace());
    await this.page.waitForTimeout(300);
    return (await this.nodes()).length - before;
  }

  // A slow machine covers the canvas for some seconds after a start.
  async emptyPlace() {
    for (let tries = 0; tries < 60; tries += 1) {
      const place = await this.uncovered();
      if (place) return place;
      await this.page.waitForTimeout(1000);
    }
    throw new Error('no empty place on the canvas');
  }

  uncovered() {
    return this.page.evaluate(() => {
      const { canvas, ds } = window.app.canvas;
      const edge = canvas.getBoundingClientRect();
      const inside = (node, [x, y]) =>
        x > node.pos[0] - 40 && x < node.pos[0] + node.size[0] + 40
        && y > node.pos[1] - 60 && y < node.pos[1] + node.size[1] + 40;
      for (let y = edge.top + 140; y < edge.bottom - 120; y += 20) {
        for (let x = edge.left + 140; x < edge.right - 320; x += 20) {
          const at = [(x - edge.left) / ds.scale - ds.offset[0],
            (y - edge.top) / ds.scale - ds.offset[1]];
          if (document.elementFromPoint(x, y) !== canvas) continue;
          if (!window.app.graph.nodes.some(node => inside(node, at))) return [x, y];
        }
      }
      return null;
    });
  }

  runButton() {
    const { page } = this;
    return page.locator('.p-splitbutton-button').filter({ hasText: 'Run' })
      .or(page.getByTestId('queue-button')).first();
  }

  async queue() {
    const posted = this.page.waitForResponse(
      answer => answer.url().endsWith('/prompt') && answer.request().method() === 'POST');
    await this.runButton().click();
    const answer = await posted;
    const told = await answer.json();
    if (answer.status() !== 200) throw new Error(`refused: ${JSON.stringify(told)}`);
    return told.prompt_id;
  }

  async done(prompt, seconds = 120) {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end;) {
      const history = await (await fetch(`${this.base}/history/${prompt}`)).json();
      if (history[prompt]) return history[prompt];
      await this.page.waitForTimeout(200);
    }
    throw new Error('the run does not end');
  }

  async cancel() {
    const name = 'button[aria-label="Cancel current run"]';
    await this.page.waitForFunction(
      name => [...document.querySelectorAll(name)].some(e => !e.disabled), name);
    await this.page.getByRole('button', { name: 'Cancel current run' }).first().click();
  }

  // Drops a file on the canvas, as from a file manager.
  async drop(file, name) {
    const content = fs.readFileSync(file).toString('base64');
    const place = await this.emptyPlace();
    const type = name.endsWith('.json') ? 'application/json' : 'image/png';
    await this.page.evaluate(([content, name, type, [x, y]]) => {
      const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type }));
      const at = { dataTransfer: data, bubbles: true, cancelable: true, clientX: x, clientY: y };
      const target = window.app.canvas.canvas;
      for (const kind of ['dragenter', 'dragover', 'drop']) {
        target.dispatchEvent(new DragEvent(kind, at));
      }
    }, [content, name, type, place]);
    await this.page.waitForTimeout(2500);
  }
}
