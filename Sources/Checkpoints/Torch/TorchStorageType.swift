/// How the elements of a PyTorch storage are stored.
enum TorchStorageType: Equatable {
    case elements(DType)
    /// Bytes without a type, which the tensor gives.
    case untyped

    /// The bytes of one element as storages count them.
    var width: Int {
        switch self {
        case .elements(let dtype): dtype.bytesPerBlock
        case .untyped: 1
        }
    }

    /// The storage type of a class of `torch`, `torch.cuda` or `torch.storage`.
    init?(_ global: Pickle.Global) {
        guard Self.modules.contains(global.module) else { return nil }
        switch global.name {
        case "UntypedStorage", "_UntypedStorage": self = .untyped
        case let name:
            guard let dtype = Self.storages[name] else { return nil }
            self = .elements(dtype)
        }
    }

    /// The element type of a name such as `torch.float8_e5m2`.
    init?(dtype global: Pickle.Global) {
        guard global.module == "torch", let dtype = Self.dtypes[global.name] else { return nil }
        self = .elements(dtype)
    }

    /// The contents of a storage of a known but unsupported type, in words.
    static func refused(_ global: Pickle.Global) -> String? {
        guard modules.contains(global.module) else { return nil }
        return switch global.name {
        case "ComplexFloatStorage": "complex numbers (complex64)"
        case "ComplexDoubleStorage": "complex numbers (complex128)"
        case "QInt8Storage", "QInt32Storage", "QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage": "quantised integers"
        case "TypedStorage", "_TypedStorage": "elements of an unnamed type"
        default: nil
        }
    }

    /// The bytes of an element in a storage of a known but unsupported type.
    static func refusedWidth(_ global: Pickle.Global) -> Int? {
        switch global.name {
        case "ComplexFloatStorage": 8
        case "ComplexDoubleStorage": 16
        case "QInt32Storage": 4
        case "QInt8Storage", "QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage": 1
        default: nil
        }
    }

    private static let modules: Set<String> = ["torch", "torch.cuda", "torch.storage"]

    private static let storages: [String: DType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16, "LongStorage": .i64,
        "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8, "BoolStorage": .bool,
    ]

    private static let dtypes: [String: DType] = [
        "float64": .f64, "double": .f64, "float32": .f32, "float": .f32, "float16": .f16, "half": .f16, "bfloat16": .bf16,
        "int64": .i64, "long": .i64, "int32": .i32, "int": .i32, "int16": .i16, "short": .i16, "int8": .i8, "uint8": .u8,
        "uint16": .u16, "uint32": .u32, "uint64": .u64, "bool": .bool, "float8_e4m3fn": .f8e4m3fn, "float8_e5m2": .f8e5m2,
        "float8_e4m3fnuz": .f8e4m3fnuz, "float8_e5m2fnuz": .f8e5m2fnuz,
    ]
}
