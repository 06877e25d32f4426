import Checkpoints
import Text

/// The elements that say something of tensors and are no steps of the network: their place means nothing, and they make no output.
extension Architecture {
    /// What an element says of the tensors that it names.
    enum Remark: String, CaseIterable {
        /// The network reads them and has not learned them: `constants(mask,angles)`.
        case constants
        /// The network has learned them and training leaves them as they are, as PyTorch's `requires_grad=False` says: `frozen(fc1.weight)`.
        case frozen
        /// The checkpoint has them and the network does not read them: `unread(logvar.weight,logvar.bias)`.
        case unread

        var expected: String {
            switch self {
            case .constants: "tensors that no training changes"
            case .frozen: "tensors that training leaves as they are"
            case .unread: "tensors that the network does not read"
            }
        }
    }

    /// What an element says of tensors; nil for a step. A module of that name is one.
    private static func remark(_ element: Element, _ modules: ModuleNames) -> Remark? {
        guard let remark = Remark(rawValue: element.name), element.label == nil, !element.settings.isEmpty,
            modules[element.name]?.tensors.isEmpty ?? true
        else { return nil }
        return remark
    }

    /// The tensors that the words name by what they say of them, and the elements that are steps of the network.
    ///
    /// - Throws: ``Problem`` for a name that is no tensor.
    func withoutRemarks(
        _ modules: ModuleNames, isTensor: (String) -> Bool
    ) throws(Problem) -> (remarks: [Remark: [String]], steps: Architecture) {
        var remarks: [Remark: [String]] = [:]
        var steps: [Element] = []
        for element in elements {
            guard let remark = Self.remark(element, modules) else {
                steps.append(element)
                continue
            }
            for setting in element.settings {
                guard setting.name == nil, isTensor(setting.value) else {
                    throw Problem(
                        "names what is no tensor of the checkpoint", setting: .architecture, subject: "'\(element)'",
                        expected: remark.expected, found: "'\(setting)'")
                }
                remarks[remark, default: []].append(setting.value)
            }
        }
        return (remarks, remarks.isEmpty ? self : Architecture(steps))
    }

    /// The tensors of a checkpoint that the words name as frozen.
    func frozenTensors(of checkpoint: Checkpoint) -> [String] {
        guard elements.contains(where: { $0.name == Remark.frozen.rawValue }) else { return [] }
        return (try? withoutRemarks(ModuleNames(checkpoint)) { checkpoint[$0] != nil })?.remarks[.frozen] ?? []
    }

    /// The same words, which also name as frozen those of the network's tensors that the checkpoint says so of.
    func naming(frozenOf network: Network, _ checkpoint: Checkpoint) -> Architecture {
        let kept = checkpoint.keptTensors
        guard !kept.isEmpty else { return self }
        var named = Set(frozenTensors(of: checkpoint))
        return naming(
            .frozen,
            network.parameters.map(\.tensorName).filter { name in
                kept.contains(name) && !name.contains(where: Element.isSeparator) && named.insert(name).inserted
            })
    }

    /// The same words, which say something of tensors too.
    func naming(_ remark: Remark, _ tensors: [String]) -> Architecture {
        guard !tensors.isEmpty else { return self }
        return Architecture(elements + [Element(remark.rawValue, tensors.map { Setting(nil, $0) })])
    }
}
