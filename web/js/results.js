// Shows the text of a run on the node that made it; by themselves the frontends do so for
// their own nodes alone.
import { app } from '../../../scripts/app.js';
import { after, ours } from './nodes.js';

const RESULT = 'latentsteer_result';
const PREVIEW = '$$canvas-image-preview';
const ROW = 16;
const LEAST_ROWS = 2;
const MOST_ROWS = 12;
const TITLE = 30;
const GAP = 10;

const height = rows => 30 + ROW * rows;
const found = node => node.widgets?.find(widget => widget.name === RESULT);

// Distance to the next node below; a longer text scrolls rather than covers it.
function free(node) {
  const [left, bottom] = [node.pos[0], node.pos[1] + node.size[1]];
  const below = (node.graph?.nodes ?? []).filter(other => other !== node
    && other.pos[0] < left + node.size[0] && other.pos[0] + other.size[0] > left
    && other.pos[1] - TITLE >= bottom);
  return Math.min(...below.map(other => other.pos[1] - TITLE - GAP - bottom), Infinity);
}

// Both frontends draw a preview from its place in the order down to the node's lower edge, so that it
// covers what follows.
function beforePreview(node, widget) {
  const preview = node.widgets.findIndex(other => other.name === PREVIEW);
  const own = node.widgets.indexOf(widget);
  if (preview >= 0 && own > preview) {
    node.widgets.splice(own, 1);
    node.widgets.splice(preview, 0, widget);
  }
}

function place(node, rows) {
  const make = app.widgets?.STRING ?? globalThis.comfyAPI?.widgets?.ComfyWidgets?.STRING;
  if (!make) return undefined;
  const [width, before] = node.size;
  // A preview uses what a node has beyond its least height.
  const room = node.imgs?.length ? 0 : Math.max(0, before - node.computeSize()[1]);
  const options = { multiline: true, placeholder: '', default: '' };
  const { widget } = make(node, RESULT, ['STRING', options], app);
  widget.serialize = false;
  widget.label = ' ';
  Object.assign((widget.options ??= {}), { serialize: false, read_only: true });
  const element = widget.inputEl ?? widget.element;
  if (element) element.readOnly = true;
  beforePreview(node, widget);
  const wanted = height(Math.min(rows, MOST_ROWS)) - room;
  const grown = Math.max(height(LEAST_ROWS) - room, Math.min(wanted, free(node)), 0);
  node.setSize([width, before + grown]);
  return widget;
}

function show(node, output) {
  const text = [output?.text ?? []].flat().filter(part => typeof part === 'string').join('\n');
  const widget = found(node) ?? (text ? place(node, text.split('\n').length + 1) : undefined);
  if (widget && (text || output?.text)) widget.value = text;
  node.setDirtyCanvas?.(true, true);
}

app.registerExtension({
  name: 'LatentSteer.Results',
  nodeCreated(node) {
    if (ours(node)) after(node, 'onExecuted', output => show(node, output));
  },
});
