// Shows the text of a run on the node that made it; by themselves the frontends do so for
// their own nodes alone.
import { app } from '../../../scripts/app.js';
import { after, ours } from './nodes.js';

const RESULT = 'latentsteer_result';
const ROW = 16;
const MOST_ROWS = 12;

function place(node, rows) {
  const found = node.widgets?.find(widget => widget.name === RESULT);
  if (found) return found;
  const make = app.widgets?.STRING ?? globalThis.comfyAPI?.widgets?.ComfyWidgets?.STRING;
  if (!make) return undefined;
  const height = node.size[1];
  const options = { multiline: true, placeholder: '', default: '' };
  const { widget } = make(node, RESULT, ['STRING', options], app);
  widget.serialize = false;
  widget.label = ' ';
  Object.assign((widget.options ??= {}), { serialize: false, read_only: true });
  const element = widget.inputEl ?? widget.element;
  if (element) element.readOnly = true;
  node.setSize([node.size[0], height + 30 + ROW * Math.min(rows, MOST_ROWS)]);
  return widget;
}

function show(node, output) {
  const text = [output?.text ?? []].flat().filter(part => typeof part === 'string').join('\n');
  if (!text) return;
  const widget = place(node, text.split('\n').length + 1);
  if (widget) widget.value = text;
  node.setDirtyCanvas?.(true, true);
}

app.registerExtension({
  name: 'LatentSteer.Results',
  nodeCreated(node) {
    if (ours(node)) after(node, 'onExecuted', output => show(node, output));
  },
});
