// Collapses the advanced inputs of LatentSteer's nodes in classic mode behind one button.
// Nodes 2.0 has its own button for them; both use `showAdvanced`, which is saved with the graph.
import { app } from '../../../scripts/app.js';
import { after, ours, resize, setting } from './nodes.js';

const BUTTON = 'latentsteer_advanced';
const WORDS = {
  en: ['Show advanced inputs', 'Hide advanced inputs'],
  fr: ['Afficher les réglages avancés', 'Masquer les réglages avancés'],
};
const NO_SIZE = () => [0, -4]; // the layout adds 4 to every height

const nodes20 = () => Boolean(globalThis.LiteGraph?.vueNodesMode);
const words = () => WORDS[String(setting('Comfy.Locale') ?? 'en').split('-')[0]] ?? WORDS.en;
const advanced = node => (node.widgets ?? []).filter(widget => widget.options?.advanced);
const button = node => node.widgets?.find(widget => widget.name === BUTTON);

function linked(node, widget) {
  return (node.inputs ?? []).some(slot => slot.widget?.name === widget.name && slot.link != null);
}

// Nodes 2.0 hides by itself, but reserves the height that `computeSize` has for a widget.
function show(widget, visible) {
  widget.hidden = !visible && !nodes20();
  if (!visible) widget.computeSize = NO_SIZE;
  else if (widget.computeSize === NO_SIZE) delete widget.computeSize;
}

const arranged = new WeakMap(); // for which canvas and state a node is arranged
const state = node => `${nodes20()} ${Boolean(node.showAdvanced)}`;

function arrange(node) {
  const open = Boolean(node.showAdvanced);
  for (const widget of advanced(node)) show(widget, open || linked(node, widget));
  const toggle = button(node);
  if (toggle) toggle.label = words()[node.showAdvanced ? 1 : 0];
  arranged.set(node, state(node));
}

function toggle(node) {
  resize(node, () => {
    node.showAdvanced = !node.showAdvanced;
    arrange(node);
  });
}

app.registerExtension({
  name: 'LatentSteer.AdvancedInputs',
  nodeCreated(node) {
    if (!ours(node) || !advanced(node).length) return;
    const options = { serialize: false, canvasOnly: true };
    node.addWidget('button', BUTTON, null, () => toggle(node), options).serialize = false;
    resize(node, () => arrange(node));
    after(node, 'onConfigure', () => arrange(node));
    after(node, 'onConnectionsChange', () => arrange(node));
    // The classic canvas alone draws: the first time after Nodes 2.0, or a toggle there.
    after(node, 'onDrawForeground', () => {
      if (arranged.get(node) !== state(node)) resize(node, () => arrange(node));
    });
  },
});
