// Gives every type of LatentSteer's sockets a colour of its own, in both modes and every theme.
import { app } from '../../../scripts/app.js';

const PREFIX = 'LATENTSTEER_';
const COLOURS = {
  GENERATOR: '#e8c547',
  AUXILIARY: '#c792ea',
  CONDITION: '#f7b267',
  ENERGY: '#ef6f6c',
  LATENTS: '#7bd389',
  PAIRS: '#a98467',
  TRANSLATOR: '#4fd1c5',
  TRACE: '#9aa5b1',
  DIRECTION: '#f49ac2',
  PRIOR: '#8ea7ff',
  FEW_SHOT: '#b5d33d',
};

// Themes write an empty colour for types that they do not know: it stays ours.
function keep(colours, type, colour) {
  Object.defineProperty(colours, type, {
    get: () => colour, set() {}, enumerable: true, configurable: true,
  });
}

app.registerExtension({
  name: 'LatentSteer.Colours',
  setup() {
    const classic = [
      app.canvas?.default_connection_color_byType, // sockets
      app.canvas?.constructor?.link_type_colors, // wires
    ].filter(Boolean);
    const rules = [];
    for (const [kind, colour] of Object.entries(COLOURS)) {
      for (const colours of classic) keep(colours, PREFIX + kind, colour);
      rules.push(`--color-datatype-${PREFIX}${kind}: ${colour};`); // Nodes 2.0
    }
    const style = document.createElement('style');
    style.textContent = `:root { ${rules.join(' ')} }`;
    document.head.append(style);
  },
});
