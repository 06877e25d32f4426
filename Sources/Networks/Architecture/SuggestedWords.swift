import Checkpoints

/// Words that a message suggests for a checkpoint without a description: its layers and batch norms in the file's order with ReLU between them,
/// convolutions that keep the size of images and max-pooling after each. None are suggested that do not run.
struct SuggestedWords {
    /// The words; nil if the modules are no such chain.
    let architecture: Architecture?

    private static let mostModules = 16

    init(_ checkpoint: Checkpoint) {
        architecture = Self.words(ModuleNames(checkpoint)).flatMap { words in
            guard let architecture = try? Architecture(words.text), let network = try? Chain.network(of: checkpoint, architecture),
                (try? network.shapes(for: .values([1] + words.sample))) != nil
            else { return nil }
            return architecture
        }
    }

    private static func words(_ modules: ModuleNames) -> (text: String, sample: [Int])? {
        guard (1...mostModules).contains(modules.names.count) else { return nil }
        var elements: [String] = []
        var sample: [Int] = []
        // The channels of the images after the convolutions so far, and what follows a layer before the next one.
        var (channels, filters, rest): (Int?, Int, [String]) = (nil, 0, [])
        for name in modules.names {
            guard isWord(name), let tensors = modules[name]?.tensors else { return nil }
            let shape = ModuleNames.weight(of: tensors)?.shape ?? tensors["running_mean"]?.shape ?? []
            switch shape.count {
            case 1 where tensors["running_mean"] != nil && !elements.isEmpty: elements.append(name)
            case 2:
                elements += rest
                if let channels {
                    // The side of images that leaves as many numbers as the first linear layer reads.
                    guard channels > 0, shape[1] % channels == 0, let side = squareRoot(shape[1] / channels) else { return nil }
                    elements.append("flatten")
                    sample = [sample[0], side << filters, side << filters]
                } else if sample.isEmpty {
                    sample = [shape[1]]
                }
                elements.append(name)
                (channels, rest) = (nil, ["relu"])
            case 4:
                guard shape[2] == shape[3], shape[2] % 2 == 1, sample.isEmpty || channels != nil else { return nil }
                elements += rest
                if sample.isEmpty { sample = [shape[1]] }
                elements.append(name + (shape[2] == 1 ? "" : "(padding=\(shape[2] / 2))"))
                (channels, filters, rest) = (shape[0], filters + 1, ["relu", "maxpool(2)"])
            default: return nil
            }
        }
        // Images that no linear layer reads may have any size.
        guard channels == nil, !sample.isEmpty else { return nil }
        return (elements.joined(separator: ","), sample)
    }

    private static func squareRoot(_ number: Int) -> Int? {
        guard let root = (1...1024).first(where: { $0 * $0 >= number }), root * root == number else { return nil }
        return root
    }

    private static func isWord(_ module: String) -> Bool {
        !module.isEmpty
            && module.utf8.allSatisfy { byte in
                [0x5F, 0x2E, 0x2F].contains(byte) || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                    || (0x61...0x7A).contains(byte)
            }
    }
}
