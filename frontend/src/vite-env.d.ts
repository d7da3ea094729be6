declare module "virtual:kern.css";
