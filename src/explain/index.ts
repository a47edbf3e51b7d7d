export type { Attribution } from './attribution.ts';
export type { ImageLayout, Targets } from './engine.ts';
export { Explainer, type ExplainerOptions } from './explainer.ts';
export type { GradCam, GradCamOptions } from './gradCam.ts';
export type { IntegratedGradients, IntegratedGradientsOptions, SmoothGradOptions, TargetOptions } from './gradients.ts';
export type { OcclusionOptions } from './occlusion.ts';
export type { Explainable } from './subject.ts';
