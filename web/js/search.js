// Lets the search of ComfyUI 0.3.64, which knows ids and display names alone, find LatentSteer's
// nodes by what people type. Newer frontends read the aliases from the nodes and are left alone.
import { app } from '../../../scripts/app.js';

const EXAMPLE = 'LatentSteer_Steer';
const words = text => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

const excess = (query, node) => Math.abs(node.display_name.length - query.length);

// 0 for the alias itself, 1 for its beginning, 2 for words in it; Infinity for none of these.
function distance(query, aliases) {
  const asked = words(query);
  const rank = alias => {
    const own = words(alias);
    if (own.join(' ') === asked.join(' ')) return 0;
    if (own.join(' ').startsWith(asked.join(' '))) return 1;
    return asked.every(word => own.includes(word)) ? 2 : Infinity;
  };
  return asked.length ? Math.min(...aliases.map(rank), Infinity) : Infinity;
}

function extend(service, store, known) {
  const search = service.searchNode;
  service.searchNode = function (query, filters = [], options, ...others) {
    const found = search.call(this, query, filters, options, ...others);
    if (!query || filters.length) return found;
    const ranked = Object.entries(known)
      .map(([name, aliases]) => [distance(query, aliases), store.nodeDefsByName[name]])
      .filter(([rank, node]) => node && rank < Infinity && !found.includes(node))
      .sort(([one, a], [other, b]) => one - other || excess(query, a) - excess(query, b));
    return [...found, ...ranked.map(([, node]) => node)].slice(0, options?.limit);
  };
}

app.registerExtension({
  name: 'LatentSteer.Search',
  async setup() {
    try {
      const store = app.extensionManager?._p?._s?.get('nodeDef');
      const node = store?.nodeDefsByName?.[EXAMPLE];
      const service = store?.nodeSearchService && Object.getPrototypeOf(store.nodeSearchService);
      if (!node || 'search_aliases' in node || typeof service?.searchNode !== 'function') return;
      const known = await (await fetch(new URL('./aliases.json', import.meta.url))).json();
      extend(service, store, known);
    } catch (error) {
      console.warn('The search does not know the aliases of LatentSteer', error);
    }
  },
});
