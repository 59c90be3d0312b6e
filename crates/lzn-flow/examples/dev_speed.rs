use lzn_flow::*; use lzn_torch::{*, nn::*}; use tch::*; use std::time::Instant;
fn time(name: &str, n: usize, mut f: impl FnMut()) { f(); let s=Instant::now(); for _ in 0..n { f(); } println!("{name}: {:.2} ms", s.elapsed().as_secs_f64()*1e3/n as f64); }
fn main() {
  let th: i32 = std::env::args().nth(1).map_or(1, |x| x.parse().unwrap()); tch::set_num_threads(th);
  let nf: usize = std::env::args().nth(2).map_or(64, |x| x.parse().unwrap());
  let b=64; 
  let cfg = VelocityNetConfig { nf, ch_mult: vec![1,2], num_res_blocks: 2, attn_resolutions: vec![7], dropout: 0.0, patch_size: 2, ..Default::default() };
  let st = ParamStore::new(Device::Cpu,0);
  let net = VelocityNet::new(&st.root(), &cfg, VelocityNetInput{image: ImageShape{size:28,channels:1}, latent_dim: 32, classes: 10}).unwrap();
  let o=(Kind::Float,Device::Cpu); let x=Tensor::randn([b,1,28,28],o); let t=Tensor::rand([b],o); let l=Tensor::randn([b,32],o); let y=Tensor::zeros([b,10],o);
  println!("params {}", st.trainable_values());
  time("fwd", 5, || { no_grad(|| net.forward(&x,&t,Some(&l),Some(&y),false).unwrap()); });
  time("fwd+bwd", 5, || { net.forward(&x,&t,Some(&l),Some(&y),true).unwrap().square().mean(Kind::Float).backward(); for (_,p) in st.named() { p.grad().zero_(); } });
  let c = nf as i64; let h = Tensor::randn([b,c,14,14],o).set_requires_grad(true); let w = Tensor::randn([c,c,3,3],o).set_requires_grad(true); let bias=Tensor::zeros([c],o).set_requires_grad(true);
  time("conv f", 20, || { no_grad(|| h.conv2d(&w,Some(&bias),1,1,1,1)); });
  time("conv f+b", 20, || { h.conv2d(&w,Some(&bias),1,1,1,1).sum(Kind::Float).backward(); });
  let g = Tensor::ones([c],o).set_requires_grad(true);
  time("gn f", 20, || { no_grad(|| h.group_norm(c/4,Some(&g),Some(&bias),1e-6,true)); });
  time("gn+silu f+b", 20, || { h.group_norm(c/4,Some(&g),Some(&bias),1e-6,true).silu().sum(Kind::Float).backward(); });
  time("silu f+b", 20, || { h.silu().sum(Kind::Float).backward(); });
  time("sum f+b", 20, || { h.sum(Kind::Float).backward(); });
  let hm = no_grad(|| h.permute([0,2,3,1]).contiguous().permute([0,3,1,2])).set_requires_grad(true);
  time("conv f+b channels_last", 20, || { hm.conv2d(&w,Some(&bias),1,1,1,1).sum(Kind::Float).backward(); });
  time("gn+silu f+b channels_last", 20, || { hm.group_norm(c/4,Some(&g),Some(&bias),1e-6,true).silu().sum(Kind::Float).backward(); });
  let at = SelfAttention::new(&(st.root()/"a"), 2*c, 1.0, true); let h7 = Tensor::randn([b,2*c,7,7],o).set_requires_grad(true);
  time("attn f+b", 20, || { at.forward(&h7).sum(Kind::Float).backward(); });
}
