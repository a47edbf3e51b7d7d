import { load } from 'thimble/runtime';
import bytes from '../model.thimble';

/** The deployed model in a memory of its own. */
export const openModel = () => load(bytes);
