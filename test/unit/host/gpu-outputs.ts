// What the tools print, as their makers and users have published it: drivers from before vendor names and slices to 580, ROCm from MI100 to 7.

export const A100_LIST = `GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-513536b6-7d19-9063-b049-1e69664bb298)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-d8594bd4-0fc3-8595-e355-7c98138f3b95)
`;
export const A100_ROWS = 'NVIDIA A100-SXM4-80GB, 81920, Disabled\nNVIDIA A100-SXM4-80GB, 81920, Disabled\n';

export const SLICED_LIST = `GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-513536b6-7d19-9063-b049-1e69664bb298)
  MIG 1g.20gb     Device  0: (UUID: MIG-ce861fb0-a248-58ce-a9a8-f9adbc22a66a)
  MIG 1g.20gb     Device  1: (UUID: MIG-a45882f0-9215-5733-a0c1-49286ab31cb5)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-d8594bd4-0fc3-8595-e355-7c98138f3b95)
`;
export const SLICED_ROWS = 'NVIDIA A100-SXM4-80GB, 81920, Enabled\nNVIDIA A100-SXM4-80GB, 81920, Disabled\n';

export const OLD_SLICED_LIST = `GPU 0: A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb Device 0: (UUID: MIG-GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f/1/0)
  MIG 1c.3g.20gb Device 1: (UUID: MIG-GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f/2/0)
  MIG 1g.5gb+me Device 2: (UUID: MIG-GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f/7/0)
`;

export const V100_LIST = 'GPU 0: Tesla V100-SXM2-16GB (UUID: GPU-2b79666e-d81f-f3f8-fd47-9903f118c3f5)\n';
export const GB10_LIST = 'GPU 0: NVIDIA GB10 (UUID: GPU-2dee1e25-b3b5-007e-2b55-79f2d0f2ebe5)\n';
export const UNKNOWN_FIELD = 'Field "mig.mode.current" is not a valid field to query.\n\n';
export const NO_DEVICES = 'No devices were found\n';
export const NO_DRIVER = `NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n`;
export const MISMATCH = 'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161\n';
export const ONE_LOST = `Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-513536b6-7d19-9063-b049-1e69664bb298)
`;

export const ROCM_OLD = `{"card0": {"Card series": "Arcturus GL-XL [AMD Instinct MI100]", "Card model": "0x0c34", "Card vendor": "Advanced Micro Devices, Inc. [AMD/ATI]", "Card SKU": "D34316", "VRAM Total Memory (B)": "34342961152", "VRAM Total Used Memory (B)": "11431936"}}
`;
export const ROCM_NEW = `WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

{
  "card0": {
    "VRAM Total Memory (B)": "17163091968",
    "VRAM Total Used Memory (B)": "692142080",
    "Card Series": "Navi 21 [Radeon RX 6800/6800 XT / 6900 XT]",
    "Card Model": "0x73bf",
    "GFX Version": "gfx1030"
  },
  "card1": {
    "VRAM Total Memory (B)": "67108864",
    "VRAM Total Used Memory (B)": "26079232",
    "Card Series": "Raphael",
    "Card Model": "0x164e",
    "GFX Version": "gfx1036"
  },
  "system": {"Driver version": "6.8.0"}
}
`;
export const ROCM_NAMELESS = '{"card0": {"Card series": "0x738c", "Card model": "N/A", "VRAM Total Memory (B)": "N/A"}}';
export const ROCM_NONE = 'WARNING: No JSON data to report\n';

export const AMD_6 = `[
    {
        "gpu": 0,
        "asic": {"market_name": "AMD Instinct MI300X", "vendor_id": "0x1002", "oam_id": 0, "num_compute_units": 304},
        "vram": {"type": "HBM3", "vendor": "N/A", "size": {"value": 196592, "unit": "MB"}, "bit_width": 8192}
    },
    {
        "gpu": 1,
        "asic": {"market_name": "AMD Instinct MI300X", "vendor_id": "0x1002", "oam_id": 1, "num_compute_units": 304},
        "vram": {"type": "HBM3", "vendor": "N/A", "size": {"value": 196592, "unit": "MB"}, "bit_width": 8192}
    }
]
`;
export const AMD_7 = `{
    "cpu_data": [{"cpu": 0}],
    "gpu_data": [
        {
            "gpu": 0,
            "asic": {"market_name": "Radeon RX 7900 XTX", "target_graphics_version": "gfx1100"},
            "vram": {"size": {"value": 24560, "unit": "MB"}}
        }
    ]
}
[WARNING] a reading was skipped {gpu 0}
`;
export const AMD_TEXT_SIZES =
  '[{"gpu": 0, "asic": {"market_name": "N/A"}, "vram": {"size": "N/A"}}, {"gpu": 1, "asic": {"market_name": "AMD Instinct MI210"}, "vram": {"vram_size": "64 GB"}}, {"cpu": 0}]';
