/// What pickles say of the tensors that are not read: enough to list them.
extension Pickle {
    /// The tensor that a function of PyTorch would make of another kind than strided numbers; nil for other functions.
    func unreadTensor(_ name: String, _ arguments: ArraySlice<PickleValue>) -> TensorSource? {
        let parts = Array(arguments)
        func part(_ place: Int) -> PickleValue? { place < parts.count ? parts[place] : nil }
        func refusal(_ kind: String, dtype: String? = nil, shape: PickleValue? = nil) -> TensorSource {
            .refused(RefusedTensor(reason: "\(kind) is not supported", dtype: dtype, shape: shape.flatMap(dimensions)))
        }
        switch name {
        case "torch._utils._rebuild_qtensor":
            return refusal("a quantised tensor (\(name))", dtype: part(0).flatMap { storageTypeName($0) }, shape: part(2))
        case "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor":
            let layout = part(0).flatMap(layoutName)
            // (indices, values, size, ...) or (row or column offsets, indices, values, size).
            let data = part(1).flatMap { sequence($0) }.map(Array.init) ?? []
            let values = layout.map { $0 == "sparse_coo" } ?? (name == "torch._utils._rebuild_sparse_tensor" && data.count < 4) ? 1 : 2
            let dtype = values < data.count ? tensorSource(data[values]).flatMap(description)?.dtype : nil
            return refusal(
                "a sparse tensor (\(name))", dtype: [layout ?? "sparse", dtype].compactMap { $0 }.joined(separator: " "),
                shape: values + 1 < data.count ? data[values + 1] : nil)
        case "torch._utils._rebuild_nested_tensor":
            let dtype = part(0).flatMap { tensorSource($0) }.flatMap(description)?.dtype
            return refusal("a nested tensor (\(name))", dtype: ["nested", dtype].compactMap { $0 }.joined(separator: " "))
        case "torch._utils._rebuild_meta_tensor_no_storage":
            return refusal("a tensor without data (\(name))", dtype: part(0).flatMap { typeName($0) }, shape: part(1))
        case "torch._utils._rebuild_wrapper_subclass":
            return refusal("a tensor subclass without data (\(name))", dtype: part(1).flatMap { typeName($0) }, shape: part(2))
        default: return nil
        }
    }

    /// A tensor that would be read but for `reason`.
    func refusal(of source: TensorSource, _ reason: String) -> TensorSource {
        let known = description(source)
        return .refused(RefusedTensor(reason: reason, dtype: known.dtype, shape: known.shape))
    }

    /// The type and the shape of a tensor, as far as the pickle gives them.
    func description(_ source: TensorSource) -> (dtype: String?, shape: [Int]?) {
        switch source {
        case .view(let view):
            (view.dtype.flatMap { typeName($0) } ?? storageTypeName(view.storage), dimensions(view.size))
        case .array(let array): (array.dtype.rawValue, array.shape.map(dimensions) ?? [])
        case .converted(let source, _): description(source)
        case .refused(let tensor): (tensor.dtype, tensor.shape)
        }
    }

    private func dimensions(_ value: PickleValue) -> [Int]? {
        integers(value, limit: 64).flatMap { $0.allSatisfy { $0 >= 0 } ? $0 : nil }
    }

    /// The name of a type such as `torch.float4_e2m1fn_x2`.
    func typeName(_ value: PickleValue) -> String? {
        guard let global = global(value) else { return nil }
        if case .elements(let dtype)? = TorchStorageType(dtype: global) { return dtype.rawValue }
        return global.name
    }

    /// The type of a storage's elements: the class `QInt8Storage` is that of `qint8`.
    private func storageTypeName(_ value: PickleValue) -> String? {
        guard case .persistent(let index) = value, let parts = tuple(persistentIdentifiers[index]), parts.count >= 5,
            let global = global(parts[parts.startIndex + 1])
        else { return nil }
        if case .elements(let dtype)? = TorchStorageType(global) { return dtype.rawValue }
        switch global.name {
        case "ComplexFloatStorage": return "complex64"
        case "ComplexDoubleStorage": return "complex128"
        case let name where name.hasSuffix("Storage"): return name.dropLast("Storage".count).lowercased()
        case let name: return name
        }
    }

    /// The name of a layout: torch.serialization._get_layout('torch.sparse_coo').
    private func layoutName(_ value: PickleValue) -> String? {
        if let global = global(value) { return global.name }
        guard let object = object(value), let first = tuple(object.arguments)?.first, let name = text(first), name.utf8.count <= 64 else {
            return nil
        }
        return name.split(separator: ".").last.map(String.init)
    }
}
