// first.mjs URL PACK SHOTS : opens the canvas, the pack's first template, runs it by one click, and
// prints the seconds of each step as JSON on the last line.
import path from 'node:path';

import { open } from './lib.mjs';

const [base, pack, shots] = process.argv.slice(2);
const LIST = '[data-testid="template-workflows-content"]';
const steps = {};
let begun = Date.now();
const done = step => { steps[step] = (Date.now() - begun) / 1000; begun = Date.now(); };

const canvas = await open(base);
const { page } = canvas;
const shot = name => canvas.shot(path.join(shots, `${name}.png`));
const seen = { steps };
try {
  done('the canvas opens');
  await page.getByRole('button', { name: 'Templates', exact: true }).first().click();
  await page.waitForSelector(`${LIST} [data-testid^="template-workflow-"]`);
  const old = page.locator(`${LIST} li[role=option][aria-label="${pack}"]`);
  const entry = page.locator('nav [role=button]')
    .filter({ has: page.getByText(pack, { exact: true }) });
  await old.or(entry).first().click();
  const { [pack]: names } = await (await fetch(`${base}/workflow_templates`)).json();
  seen.template = [...names].sort()[0];
  const card = page.locator(`[data-testid="template-workflow-${seen.template}"]`);
  const cards = page.locator(`${LIST} [data-testid^="template-workflow-"]`);
  await cards.first().waitFor();
  // The list of the older frontend is in no order; its end is loaded when it is in view.
  for (const end = Date.now() + 60000; Date.now() < end && !await card.isVisible();) {
    await cards.last().scrollIntoViewIfNeeded();
    await page.waitForTimeout(250);
  }
  await card.scrollIntoViewIfNeeded();
  await shot('1-templates');
  done('the list of templates');
  await card.click();
  await page.waitForSelector(LIST, { state: 'detached' });
  await page.waitForFunction(() => window.app.graph.nodes.some(
    node => node.type.startsWith('LatentSteer_')));
  await shot('2-template');
  done('the first template');
  const prompt = await canvas.queue();
  const record = await canvas.done(prompt, 240);
  seen.outcome = record.status.status_str;
  await page.waitForFunction(() => window.app.graph.nodes.some(
    node => ['SaveImage', 'PreviewImage'].includes(node.type) && (node.imgs?.length ?? 0) > 0));
  done('Run, until the picture is there');
  await page.waitForTimeout(500);
  await canvas.fit();
  await shot('3-picture');
} catch (error) {
  seen.failed = String(error.stack ?? error);
  await shot('failed');
}
await canvas.close();
console.log(JSON.stringify(seen));
