// What the extensions of LatentSteer's nodes share.
import { app } from '../../../scripts/app.js';

const PREFIX = 'LatentSteer_';

export const ours = node => Boolean(node.comfyClass?.startsWith(PREFIX));
export const setting = name => app.ui?.settings?.getSettingValue?.(name);

// Calls `action` with the arguments of a method of the node after that method.
export function after(node, name, action) {
  const before = node[name];
  node[name] = function (...args) {
    const result = before?.apply(this, args);
    action(...args);
    return result;
  };
}

// Keeps what the node has beyond its least height, such as room for pictures.
export function resize(node, change) {
  const before = node.computeSize()[1];
  change();
  const [width, height] = node.size;
  node.setSize([width, height + node.computeSize()[1] - before]);
  node.setDirtyCanvas?.(true, true);
}
