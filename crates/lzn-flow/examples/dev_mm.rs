use tch::*; 
fn cpu() -> f64 { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let v: Vec<&str> = s.rsplit(") ").next().unwrap().split(' ').collect(); (v[11].parse::<f64>().unwrap()+v[12].parse::<f64>().unwrap())/100.0 }
fn time(name: &str, gf: f64, n: usize, mut f: impl FnMut()) { f(); let s=cpu(); let w=std::time::Instant::now(); for _ in 0..n { f(); } let e=(cpu()-s)/n as f64; println!("{name}: {:.1} cpu-ms wall {:.1} = {:.1} GF/s(cpu)", e*1e3, w.elapsed().as_secs_f64()*1e3/n as f64, gf/e); }
fn main() { tch::set_num_threads(std::env::args().nth(1).map_or(1,|x|x.parse().unwrap())); 
  let o=(Kind::Float,Device::Cpu);
  no_grad(|| {
  let a=Tensor::randn([1024,1024],o); time("mm", 2.147, 10, ||{ let _=a.matmul(&a); });
  for (b,c,r) in [(64,64,14),(64,32,14),(64,128,7),(64,128,14),(256,64,14),(64,96,14)] {
  let h=Tensor::randn([b,c,r,r],o); let w=Tensor::randn([c,c,3,3],o);
  let gf = 2e-9*(c*c*9*r*r*b) as f64; time(&format!("conv b{b} c{c} r{r}"), gf, 10, || { let _ = h.conv2d(&w,None::<&Tensor>,1,1,1,1); });
  let hc = h.permute([0,2,3,1]).contiguous().permute([0,3,1,2]);
  time(&format!("conv cl"), gf, 10, || { let _ = hc.conv2d(&w,None::<&Tensor>,1,1,1,1); });
  }
  let (b,c,r)=(64,64,14);
  let h=Tensor::randn([b,c,r,r],o); let w=Tensor::randn([c,c*9],o); 
  time("unfold", 0.925, 5, || { let _ = h.im2col([3,3],[1,1],[1,1],[1,1]); });
  let u = h.im2col([3,3],[1,1],[1,1],[1,1]); time("unfold mm", 0.925, 5, || { let _ = w.matmul(&u); });
  });
}
