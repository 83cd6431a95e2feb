// Lists LatentSteer's templates by their numbers; the host lists files in the order of the disk.
import { api } from '../../../scripts/api.js';

const PACK = decodeURIComponent(new URL(import.meta.url).pathname.split('/').at(-3));
const listed = api.getWorkflowTemplates;

if (listed) {
  api.getWorkflowTemplates = async function (...given) {
    const templates = await listed.apply(this, given);
    templates?.[PACK]?.sort?.();
    return templates;
  };
}
