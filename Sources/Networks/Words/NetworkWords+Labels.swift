import Checkpoints
import Text

/// The elements in the order of the network, with labels for outputs that are read later, and what they say of tensors.
extension NetworkWords {
    func architecture() throws(Problem) -> Architecture {
        // Outputs that are read by more than the next element, or later.
        var named: Set<NodeID> = []
        var current: NodeID?
        for item in items {
            if let source = item.source, source != current { named.insert(source) }
            named.formUnion(item.operands)
            current = item.node
        }
        var labels: [NodeID: String] = [:]
        var taken: Set<String> = []
        let modules = ModuleNames(checkpoint)
        for node in named.sorted() {
            let site = network.nodes[node.index].site
            if network.nodes[node.index].operation is InputOperation {
                labels[node] = "input"
                continue
            }
            let isFree =
                modules[site].map { $0.tensors.isEmpty } ?? true && checkpoint[site] == nil && !ChainOperations.isName(site)
                && WordOperations.entries[site.lowercased()] == nil && Double(site) == nil && site != "input" && !site.isEmpty
                && !site.contains { Element.isSeparator($0) || $0.isWhitespace }
            var label = isFree ? site : "x"
            var count = 0
            while (!isFree && count == 0) || taken.contains(label) || modules[label] != nil || checkpoint[label] != nil {
                count += 1
                label = "x\(count)"
            }
            taken.insert(label)
            labels[node] = label
        }
        var elements: [Element] = []
        current = nil
        for item in items {
            if let source = item.source, source != current, let label = labels[source] { elements.append(Element(label)) }
            let operands = item.operands.map { Setting(nil, labels[$0] ?? "") }
            let label = item.node.flatMap { labels[$0] }
            elements.append(Element(item.name, operands + item.settings, label: item.name == "input" ? nil : label))
            current = item.node
        }
        guard items.last?.node == network.output else {
            throw Problem(
                "has no words", subject: "site '\(network.nodes[network.output.index].site)'", expected: "an output that comes last")
        }
        return Architecture(elements).naming(.constants, try constants()).naming(.unread, Self.unread(by: network, in: checkpoint))
    }

    /// The tensors that the elements read and training leaves as they are, in the order of the network.
    func constants() throws(Problem) -> [String] {
        let fixed = Set(network.constants)
        var names: [String] = []
        for index in network.nodes.indices where isNeeded(NodeID(index)) {
            for parameter in network.nodes[index].parameters {
                let name = network.parameters[parameter.index].name
                if fixed.contains(name), !names.contains(name) { names.append(try tensor(parameter, anyShape: true)) }
            }
        }
        return names
    }
}
