/// The layers among a checkpoint's tensors, and why the other tensors are not layers.
struct FoundLayers {
    private(set) var layers: [Layer] = []
    /// Why a tensor is not a layer, or not a default one, by its name.
    private(set) var reasons: [String: LeftOut] = [:]
    /// The names of the layers that are the MLP input matrix of a block.
    private(set) var mlpInputs: Set<String> = []
    /// The tensors whose shapes contradict each other.
    private(set) var misfits: Misfits

    private let index: TensorIndex
    private let rules: OrientationRules
    private let readings: GraphReadings?

    /// A file can claim any number of experts for a few bytes: further stacks are not taken apart.
    private static let mostParts = 1 << 20

    init(tensors: [TensorRecord], index: TensorIndex, family: ModelFamily, families: ModelFamilies, readings: GraphReadings?) {
        self.index = index
        self.readings = readings
        rules = OrientationRules(family: family, index: index, readings: readings)
        let (roles, parts) = (TensorRoles(index, readings), TensorParts(index, families: families))
        let transcoders = TranscoderParts(index: index)
        misfits = Misfits(parts)
        for (tensor, name) in zip(tensors, index.names) {
            var role = roles.leftOut(name, shape: tensor.shape, dtype: tensor.dtype)
            // What an exporter has named may be added as positions are, and be no table.
            if readings != nil, role == nil || role == .positions || role == .oneNeuron, tensor.isAddedMask { role = .mask }
            if role == nil, readings?.isBuffer(tensor.name) ?? false { role = .buffer }
            if let reason = role {
                // A table of more than two dimensions has no rows to look up.
                let isLayer =
                    reason.isLayer && (tensor.shape.count == 2 || [.mask, .table, .statistics, .integers, .buffer].contains(reason))
                reasons[tensor.name] = reason
                if !isLayer || tensor.shape.count < 2 { continue }
            } else if let experts = parts.experts(of: name, shape: tensor.shape) {
                if let names = families.mlpNames(of: name, index), let unfit = parts.unfitStack(names, name, shape: tensor.shape) {
                    misfits.add(names, name, outputs: unfit.outputs, columns: unfit.columns)
                }
                if layers.count + experts.count <= Self.mostParts { add(experts, of: tensor) } else { reasons[tensor.name] = .tooLarge }
                continue
            } else if !rules.isKnown(name), family.layout?(name, tensor.shape) == nil {
                switch transcoders.reading(of: name, shape: tensor.shape) {
                case .parts(let matrices):
                    if layers.count + matrices.count <= Self.mostParts {
                        add(matrices, of: tensor)
                    } else {
                        reasons[tensor.name] = .tooLarge
                    }
                    continue
                case .unclear(let problem):
                    misfits.add(problem, name)
                    continue
                case .whole, nil: break
                }
            }
            add(tensor, name, parts, families)
        }
        for name in misfits.problems.keys { reasons[name] = .misfit }
        layers.removeAll { misfits.problems[$0.tensorName] != nil }
    }

    private mutating func add(_ tensor: TensorRecord, _ name: TensorName, _ parts: TensorParts, _ families: ModelFamilies) {
        let shape = tensor.shape
        let layout = rules.layout(of: name, shape: shape)
        guard layout.rows <= OrientationRules.largestSide, layout.columns <= OrientationRules.largestSide else {
            reasons[tensor.name] = .tooLarge
            return
        }
        guard reasons[tensor.name] == nil, let names = families.mlpNames(of: name, index) else {
            layers.append(Layer(tensor: tensor, layout: layout))
            return
        }
        let columns = outputColumns(names, name)
        if shape.count == 2, let columns = parts.unfitColumns(names, name, outputs: layout.rows, columns: columns) {
            misfits.add(names, name, outputs: layout.rows, columns: columns)
        }
        if let halves = parts.halves(of: name, shape: shape, layout: layout, names: names, outputColumns: columns) {
            add(halves, of: tensor)
        } else {
            mlpInputs.insert(tensor.name)
            layers.append(Layer(tensor: tensor, layout: layout))
        }
    }

    private mutating func add(_ parts: [TensorParts.Part], of tensor: TensorRecord) {
        for part in parts {
            let layer = Layer(
                tensor: tensor.sliced(tensor.name + part.suffix, part.slices), of: tensor.name, slices: part.slices, layout: part.layout)
            if layer.outNeurons > OrientationRules.largestSide || layer.inNeurons > OrientationRules.largestSide {
                reasons[tensor.name] = .tooLarge
                return
            }
            if part.isInput { mlpInputs.insert(layer.name) }
            layers.append(layer)
        }
    }

    /// The inputs of an MLP's output matrix; nil if there is none.
    private func outputColumns(_ names: MLPNames, _ name: TensorName) -> Int? {
        guard let output = names.output, let other = TensorIndex.sibling(of: name, replacing: names.input, with: output),
            let shape = index.shape(of: other), shape.count >= 2, !shape.contains(0)
        else { return nil }
        return rules.layout(of: TensorName(other), shape: shape).columns
    }

    /// Brings the matrices into the order of a plain chain, if they are one.
    ///
    /// A graph says in which order they are read, whatever they are called. Shapes that chain beat names: if the matrices do not follow each
    /// other, those that are named as tables are read as linear layers, then arrays that are not named as PyTorch names weights as [in, out].
    /// A table is the first: nothing but data chooses its rows.
    mutating func makeChain(keepsOrder: Bool) -> Bool {
        var found = layers.indices.filter { reasons[layers[$0].tensorName]?.isMatrix ?? true }
        var keepsOrder = keepsOrder
        if let readings {
            let places = found.map { readings.place(of: layers[$0].tensorName) }
            if !places.contains(nil) {
                found = zip(places, found).sorted { ($0.0 ?? 0, $0.1) < ($1.0 ?? 0, $1.1) }.map(\.1)
                keepsOrder = true
            }
        }
        let tables = found.filter { EmbeddingNames.isTable(TensorName(layers[$0].tensorName)) }
        guard tables.count <= 1 else { return false }
        let matrices = tables + found.filter { !tables.contains($0) }
        guard !matrices.isEmpty, !matrices.contains(where: { layers[$0].isPart }) else { return false }
        let chained = Set(matrices)
        let others = layers.indices.filter { !chained.contains($0) }.map { layers[$0] }
        guard let (order, layouts) = chain(of: matrices, keepsOrder: keepsOrder, beginsWithTable: !tables.isEmpty) else { return false }
        let chain = order.map { Layer(tensor: layers[matrices[$0]].tensor, layout: layouts[$0]) }
        for layer in chain where [.embedding, .positions].contains(reasons[layer.name]) {
            if case .asStored = layer.layout, !rules.isKnown(TensorName(layer.name)) { reasons[layer.name] = nil }
        }
        layers = chain + others
        return true
    }

    /// The order in which matrices are a plain chain, by their places among `matrices`, and how each is read; nil if they are none.
    private func chain(of matrices: [Int], keepsOrder: Bool, beginsWithTable: Bool) -> (order: [Int], layouts: [MatrixLayout])? {
        var readings: [[MatrixLayout]] = []
        for reading in Reading.allCases {
            let layouts = matrices.map { layout(of: layers[$0], reading) }
            if ChainOrder.isChain(layouts) { return (Array(matrices.indices), layouts) }
            readings.append(layouts)
        }
        if keepsOrder { return nil }
        for layouts in readings.prefix(2) {
            let order = ChainOrder.order(of: layouts, keepsFirst: beginsWithTable)
            if ChainOrder.isChain(order.map { layouts[$0] }) { return (order, layouts) }
        }
        return nil
    }

    /// The ways to read the matrices of a model of unknown family.
    private enum Reading: CaseIterable {
        /// According to their names.
        case named
        /// Matrices with the names of tables as linear layers.
        case linear
        /// Matrices without PyTorch's names for weights as [in, out].
        case transposed
    }

    private func layout(of layer: Layer, _ reading: Reading) -> MatrixLayout {
        let name = TensorName(layer.name)
        switch reading {
        case .named: return layer.layout
        case .linear: return rules.layout(of: name, shape: layer.tensor.shape, readsTables: false)
        case .transposed:
            guard case .asStored(let out, let input) = layer.layout, layer.tensor.shape.count == 2, name.last != "weight",
                index.biasShape(of: name) == nil, !rules.isKnown(name)
            else { return layer.layout }
            return .transposed(blocks: 1, in: out, out: input)
        }
    }

    /// The name of the convolution that reads images of one channel; nil if none does.
    ///
    /// A depthwise convolution is one of several, or reads what another makes that itself reads the images.
    private var imageReader: String? {
        let shapes = layers.compactMap { layer -> (name: String, out: Int, in: Int)? in
            guard case .convolution = layer.layout, layer.tensor.shape.count > 2 else { return nil }
            return (layer.name, layer.tensor.shape[0], layer.tensor.shape[1])
        }
        let single = shapes.filter { $0.in == 1 && $0.out > 1 }
        guard single.count == 1 else { return nil }
        let made = Set(shapes.map(\.out))
        return shapes.allSatisfy { $0.in == 1 || made.contains($0.in) } ? single[0].name : nil
    }

    /// Finds the matrices of one row or column, whose clusterability is 1, and the convolutions that read one channel.
    mutating func leaveOutSingleNeurons() {
        let first = imageReader
        for layer in layers where !layer.isPart && reasons[layer.tensorName] == nil {
            let shape = layer.tensor.shape
            if shape.count > 2, shape[0] > 1, shape[1] == 1, layer.name != first, case .convolution = layer.layout {
                reasons[layer.name] = .depthwise
            } else if case .transposedConvolution(let filters) = layer.layout, filters.groups > 1, filters.inputs == 1 {
                reasons[layer.name] = .depthwise
            } else if layer.outNeurons == 1 || layer.inNeurons == 1 {
                reasons[layer.name] = .oneNeuron
            }
        }
    }

    /// Makes one layer of those that are one tensor under several names: the first that is a layer. It is a table, and the input of an MLP, if
    /// it is so under any name.
    mutating func join(_ ties: TiedTensors) {
        guard !ties.groups.isEmpty else { return }
        let known = Dictionary(grouping: layers.indices, by: { layers[$0].tensorName })
        var repeated: Set<Int> = []
        for names in ties.groups {
            let members = names.filter { known[$0] != nil }
            guard let first = members.first, let own = known[first], members.count > 1 else { continue }
            for other in members.dropFirst() {
                let places = known[other] ?? []
                repeated.formUnion(places)
                if reasons[first] == nil, let reason = reasons[other], reason.isMatrix {
                    reasons[first] = reason
                    if own.count == 1, places.count == 1 {
                        layers[own[0]] = Layer(tensor: layers[own[0]].tensor, layout: layers[places[0]].layout)
                    }
                }
                if mlpInputs.contains(other) { mlpInputs.insert(first) }
            }
        }
        layers = layers.indices.filter { !repeated.contains($0) }.map { layers[$0] }
    }
}
