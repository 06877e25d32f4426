/// The globals that tensors, arrays and plain data are pickled with.
enum PickleGlobals {
    /// Sequences that are made from one argument or filled by appending.
    static let sequences: Set<String> = [
        "torch.Size", "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset",
        "__builtin__.list", "__builtin__.tuple", "__builtin__.set", "__builtin__.frozenset",
    ]

    /// Dictionaries, made from pairs or filled by setting items.
    static let dictionaries: Set<String> = [
        "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict", "__builtin__.dict",
    ]

    /// Byte strings made from one argument.
    static let byteTypes: Set<String> = [
        "builtins.bytearray", "builtins.bytes", "__builtin__.bytearray", "__builtin__.bytes",
    ]

    /// Whether a loader of tensors and plain data needs the global.
    static func isFamiliar(_ global: Pickle.Global) -> Bool {
        let name = global.qualifiedName
        if familiar.contains(name) || sequences.contains(name) || dictionaries.contains(name) || byteTypes.contains(name) {
            return true
        }
        return TorchStorageType(global) != nil || TorchStorageType.refused(global) != nil || TorchStorageType(dtype: global) != nil
            || isUnreadDType(global)
    }

    /// Whether an archive of TorchScript names the global for a class of its own code, or for a list with its type: `torch.jit.load` imports
    /// neither, and makes them of the code in the archive.
    static func isOfScript(_ global: Pickle.Global) -> Bool {
        if global.module == "__torch__" || global.module.hasPrefix("__torch__.") { return true }
        return global.module == "torch.jit._pickle" && (global.name.hasPrefix("build_") || global.name == "restore_type_tag")
    }

    /// Element types of PyTorch without a corresponding dtype here.
    static func isUnreadDType(_ global: Pickle.Global) -> Bool {
        global.module == "torch" && unreadDTypes.contains(global.name)
    }

    private static let unreadDTypes: Set<String> = [
        "complex32", "complex64", "complex128", "qint8", "quint8", "qint32", "quint4x2", "quint2x4", "float8_e8m0fnu",
        "float4_e2m1fn_x2", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7", "int1", "int2", "int3", "int4",
        "int5", "int6", "int7", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "chalf", "cfloat", "cdouble",
    ]

    private static let familiar: Set<String> = {
        var names: Set<String> = [
            "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer", "_codecs.encode", "torch.device", "torch.dtype",
            "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer", "torch.nn.Parameter",
            "torch.serialization._get_layout", "torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type",
            "torch.per_tensor_affine", "torch.per_channel_affine", "torch.per_channel_affine_float_qparams",
            "torch.per_tensor_symmetric", "torch.per_channel_symmetric", "torch.strided", "torch.sparse_coo", "torch.sparse_csr",
            "ml_dtypes.bfloat16",
        ]
        // Plain data of the descriptions that torch.distributed.checkpoint writes.
        for name in [
            "Metadata", "TensorStorageMetadata", "TensorProperties", "_MEM_FORMAT_ENCODING", "ChunkStorageMetadata", "MetadataIndex",
            "StorageMeta", "BytesStorageMetadata",
        ] { names.insert("torch.distributed.checkpoint.metadata." + name) }
        names.insert("torch.distributed.checkpoint.filesystem._StorageInfo")
        for name in ["PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"] {
            names.insert("pathlib." + name)
            names.insert("pathlib._local." + name)
        }
        for name in rebuildFunctions { names.insert("torch._utils." + name) }
        for name in ["_reconstruct", "scalar"] {
            names.insert("numpy.core.multiarray." + name)
            names.insert("numpy._core.multiarray." + name)
        }
        for name in numpyTypes { names.insert("numpy." + name) }
        for name in ["complex", "slice", "range", "xrange", "int", "float", "bool", "str", "long", "unicode", "object"] {
            names.insert("builtins." + name)
            names.insert("__builtin__." + name)
        }
        return names
    }()

    private static let rebuildFunctions = [
        "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter", "_rebuild_parameter_with_state",
        "_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor", "_rebuild_nested_tensor",
        "_rebuild_meta_tensor_no_storage", "_rebuild_device_tensor_from_cpu_tensor", "_rebuild_device_tensor_from_numpy",
        "_rebuild_xla_tensor", "_rebuild_wrapper_subclass",
    ]

    private static let numpyTypes = [
        "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool_",
        "bool", "float_", "int_", "longlong", "ulonglong", "intc", "uintc", "ndarray", "dtype",
    ]
}
